def grad_by_autograd(W_value, x, target):
    W = torch.tensor(float(W_value))
    loss = (W * x - target) ** 2
    loss.backward()
    return W.grad
