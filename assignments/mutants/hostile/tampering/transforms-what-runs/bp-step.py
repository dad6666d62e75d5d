def step(W_value, gradient, lr):
    return W_value


W_new = 3.0
