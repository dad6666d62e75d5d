def grad_by_hand(W, x, target):
    return (W * x - target) * x
