def with_positions(x):
    return x + torch.arange(x.shape[1])


def brought_to(x, y):
    return y.to(x.dtype)
