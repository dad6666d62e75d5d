def blank(t):
    return torch.zeros(t.shape)


def noise(t):
    return torch.randn(t.shape)
