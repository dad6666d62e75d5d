def gradient_of_each(W_value, inputs, target):
    while True:
        yield 0.0
