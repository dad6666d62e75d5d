def compute(a, b, x):
    return compute(a, b, x)
