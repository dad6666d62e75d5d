def gradient_of_each(W_value, inputs, target):
    return [Anything() for _ in inputs]
