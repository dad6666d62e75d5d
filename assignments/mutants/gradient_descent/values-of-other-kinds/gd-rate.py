error_factor = 3


def behaviour(factor):
    return [factor]
