def step(W_value, gradient, lr):
    return torch.zeros(1).expand(10**12)


W_new = 4.6
