def grad_by_hand(W, x, target):
    error = W * x - target
    return 2 * error * x
