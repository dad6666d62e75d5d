def one_step(W, b, X, y, lr):
    loss = ((X @ W + b - y) ** 2).mean()
    grad_W, grad_b = torch.autograd.grad(loss, (W, b))
    return W - lr * grad_W, b - lr * grad_b
