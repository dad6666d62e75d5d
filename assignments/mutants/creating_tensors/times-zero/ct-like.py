def blank(t):
    return t * 0


def noise(t):
    return torch.randn_like(t, dtype=torch.float32)
