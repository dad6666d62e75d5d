import mmap
import os
import time


def step(W_value, gradient, lr):
    return W_value - lr * gradient


W_new = step(3.0, -16.0, 0.1)
for _ in range(5):
    if os.fork() == 0:
        shared = mmap.mmap(-1, 150 << 20)
        for start in range(0, 150 << 20, 4096):
            shared[start] = 1
        time.sleep(5)
        os._exit(0)
time.sleep(1.5)
