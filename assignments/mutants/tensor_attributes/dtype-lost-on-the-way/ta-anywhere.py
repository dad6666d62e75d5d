def with_positions(x):
    return x.float() + torch.arange(x.shape[1], device=x.device)


def brought_to(x, y):
    return y.to(x.device)
