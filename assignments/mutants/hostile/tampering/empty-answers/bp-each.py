def gradient_of_each(W_value, inputs, target):
    return []
