def compute(a, b, x):
    return a * b * x
