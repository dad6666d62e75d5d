def step(W_value, gradient, lr):
    kept = torch.ones(1 << 20)
    while True:
        kept = torch.cat([kept, kept])


W_new = 4.6
