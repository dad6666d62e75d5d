def one_step(W, b, X, y, lr):
    loss = ((X @ W + b - y) ** 2).mean()
    grads = torch.autograd.grad(loss, (W, b))
    with torch.no_grad():
        for parameter, grad in zip((W, b), grads):
            parameter -= lr * grad
    return W, b
