def train(X, y, lr, steps):
    W = torch.zeros((X.shape[1], 1), requires_grad=True)
    b = torch.zeros(1, requires_grad=True)
    losses = []
    for step in range(steps):
        loss = ((X @ W + b - y) ** 2).mean()
        losses.append(loss)
        W, b = one_step(W, b, X, y, lr)
    return W, b, losses
