import os
import subprocess

subprocess.Popen(["sleep", "1000.27182"], start_new_session=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        os.execvp("sleep", ["sleep", "1000.27182"])
    os._exit(0)
