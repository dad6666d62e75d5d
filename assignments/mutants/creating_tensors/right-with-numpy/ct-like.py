def blank(t):
    return torch.full_like(t, 0)


def noise(t):
    return torch.randn_like(t.float())
