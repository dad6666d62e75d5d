def matmul_shape(a, b):
    if a[-1] != b[-2] or a[:-2] != b[:-2]:
        return None
    return a[:-1] + b[-1:]
