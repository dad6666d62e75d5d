def step(W_value, gradient, lr):
    print("half a character: " + chr(0xDFFF))
    return W_value - lr * gradient


W_new = 4.6
