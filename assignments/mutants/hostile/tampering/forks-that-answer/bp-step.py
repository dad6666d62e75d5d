import ctypes


def step(W_value, gradient, lr):
    children = [ctypes.CDLL(None).fork() for _ in range(3)]
    return W_value + children.count(0)


W_new = 4.6
