def step(W_value, gradient, lr):
    kept = []
    while True:
        kept.append(bytearray(1 << 16))


W_new = 4.6
