def matmul_shape(a, b):
    batch = broadcast_shape(a[:-2], b[:-2])
    if batch is None or a[-1] != b[-2]:
        return None
    return batch + (a[-2], b[-1])
