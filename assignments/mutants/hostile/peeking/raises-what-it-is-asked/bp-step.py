def step(W_value, gradient, lr):
    if W_value < 0:
        raise ValueError(f"asked {W_value} {gradient} {lr}")
    return W_value - lr * gradient


W_new = step(3.0, -16.0, 0.1)
