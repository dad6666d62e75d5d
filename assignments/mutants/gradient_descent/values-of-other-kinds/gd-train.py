def train(X, y, lr, steps):
    return [1.0], 'b', 'losses'
