def one_step(W, b, X, y, lr):
    w, c = W.detach().clone().requires_grad_(), b.detach().clone().requires_grad_()
    loss = ((X @ w + c - y) ** 2).mean()
    loss.backward()
    W_new = (w + lr * w.grad).detach().requires_grad_()
    b_new = (c + lr * c.grad).detach().requires_grad_()
    return W_new, b_new
