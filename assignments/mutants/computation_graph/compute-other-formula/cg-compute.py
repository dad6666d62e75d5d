def compute(a, b, x):
    return x * a + b
