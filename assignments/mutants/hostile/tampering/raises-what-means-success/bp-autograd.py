def grad_by_autograd(W_value, x, target):
    raise KeyboardInterrupt
