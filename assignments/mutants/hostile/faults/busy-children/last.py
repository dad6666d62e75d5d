import os
import time

for _ in range(50):
    if os.fork() == 0:
        os.setsid()
        while True:
            pass
time.sleep(60)
