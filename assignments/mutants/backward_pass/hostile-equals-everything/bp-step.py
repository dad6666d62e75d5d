def step(W_value, gradient, lr):
    return Anything()


W_new = Anything()
