def compute(a, b, x):
    y = a + b
    return x * y
