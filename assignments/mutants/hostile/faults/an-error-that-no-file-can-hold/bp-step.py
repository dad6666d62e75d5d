def step(W_value, gradient, lr):
    raise ValueError("half a character: " + chr(0xD800) + chr(0))


W_new = 4.6
