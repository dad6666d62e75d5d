def train_with_sgd(X, y, lr, steps, momentum=0.0):
    W = torch.zeros(X.shape[1], 1, requires_grad=True)
    b = torch.zeros(1, requires_grad=True)
    optimizer = torch.optim.SGD([W, b], lr=lr)
    losses = []
    for step in range(steps):
        loss = ((X @ W + b - y) ** 2).mean()
        losses.append(loss.item())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return W, b, losses
