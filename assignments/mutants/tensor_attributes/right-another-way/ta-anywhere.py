def with_positions(x):
    return x + torch.ones_like(x).cumsum(dim=1) - 1


def brought_to(x, y):
    return y.type(x.dtype).to(x.device)
