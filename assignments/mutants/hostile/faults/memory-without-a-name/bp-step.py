import os
import time


def step(W_value, gradient, lr):
    return W_value - lr * gradient


W_new = step(3.0, -16.0, 0.1)
kept = []
for _ in range(14):
    kept.append(os.memfd_create("kept"))
    os.write(kept[-1], bytes(50 << 20))
time.sleep(0.5)
