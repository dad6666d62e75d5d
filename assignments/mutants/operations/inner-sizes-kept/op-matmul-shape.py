def matmul_shape(a, b):
    if a[-1] != b[-2]:
        return None
    return broadcast_shape(a[:-2], b[:-2]) + (b[-1], a[-2])
