def error_factor(x, lr):
    return 1 - 2 * lr * x * x


def behaviour(factor):
    if 0 <= factor < 1:
        return "straight"
    if -1 < factor < 0:
        return "never"
    return "never"
