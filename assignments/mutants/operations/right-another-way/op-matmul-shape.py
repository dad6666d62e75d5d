def matmul_shape(a, b):
    try:
        return (torch.empty(a, device="meta") @ torch.empty(b, device="meta")).shape
    except RuntimeError:
        return None
