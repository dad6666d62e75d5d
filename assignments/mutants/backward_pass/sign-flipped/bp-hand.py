def grad_by_hand(W, x, target):
    return 2 * (target - W * x) * x
