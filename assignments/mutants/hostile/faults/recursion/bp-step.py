def step(W_value, gradient, lr):
    import sys

    sys.setrecursionlimit(5000)
    return step(W_value, gradient, lr)


W_new = 4.6
