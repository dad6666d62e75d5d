def with_positions(x):
    return x.to("xpu") + torch.arange(x.shape[1], device="xpu")


def brought_to(x, y):
    return y.to("xpu").to(x.dtype)
