def blank(t):
    return torch.zeros_like(t)


def noise(t):
    return torch.rand_like(t, dtype=torch.float32)
