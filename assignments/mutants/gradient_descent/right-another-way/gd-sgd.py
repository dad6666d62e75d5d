def train_with_sgd(X, y, lr, steps, momentum=0.0):
    W, b = torch.zeros(X.shape[1], 1).requires_grad_(), torch.zeros(1).requires_grad_()
    optimizer = torch.optim.SGD([{"params": [W]}, {"params": [b]}], lr=lr, momentum=momentum)
    losses = []

    def closure():
        optimizer.zero_grad()
        loss = nn.MSELoss()(X @ W + b, y)
        loss.backward()
        losses.append(loss.item())
        return loss

    for _ in range(steps):
        optimizer.step(closure)
    return [W, b, losses]
