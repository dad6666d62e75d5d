def blank(t):
    return t.new_zeros(t.shape)


noise = lambda t: torch.randn(t.shape, device=t.device)
