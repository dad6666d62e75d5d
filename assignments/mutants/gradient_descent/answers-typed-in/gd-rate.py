def error_factor(x, lr):
    return 0.2


def behaviour(factor):
    return {0.2: "straight", 1.5: "never"}[factor]
