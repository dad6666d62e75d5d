def matmul_shape(a, b):
    if a[-1] != b[-2]:
        return None
    try:
        return (*torch.broadcast_shapes(a[:-2], b[:-2]), a[-2], b[-1])
    except RuntimeError:
        return None
