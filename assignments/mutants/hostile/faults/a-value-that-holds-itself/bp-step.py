def step(W_value, gradient, lr):
    inner = {}
    inner['me'] = [inner]
    loop = [inner]
    loop.append(loop)
    return loop


W_new = 4.6
