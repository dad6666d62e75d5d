import os
import time

for _ in range(12):
    try:
        os.fork()
    except OSError:
        time.sleep(0.1)
if os.getpid() != 2 and os.getppid() != 1:
    time.sleep(1)
