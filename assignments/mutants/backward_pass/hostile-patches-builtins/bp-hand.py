def grad_by_hand(W, x, target):
    return 0.0
