def train(X, y, lr, steps):
    W, b = nn.Parameter(torch.zeros(X.size(1), 1)), nn.Parameter(torch.zeros(1))
    losses = []
    for _ in range(steps):
        losses += [float((X @ W + b - y).detach().square().mean())]
        W, b = one_step(W, b, X, y, lr)
    return W, b, tuple(losses)
