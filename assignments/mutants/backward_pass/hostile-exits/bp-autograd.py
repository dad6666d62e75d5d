def grad_by_autograd(W_value, x, target):
    return 0.0
