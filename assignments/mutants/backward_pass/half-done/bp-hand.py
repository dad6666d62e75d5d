def grad_by_hand(W, x, target):
    return 2 * (W * x - target) * x
