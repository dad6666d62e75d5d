def blank(t):
    return "zeros"


def noise(t):
    return noise
