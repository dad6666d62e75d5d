def fit(X, y, lr, epochs, batch_size, generator):
    return nn.Linear
