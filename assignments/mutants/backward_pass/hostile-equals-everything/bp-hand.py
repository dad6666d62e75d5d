def grad_by_hand(W, x, target):
    return Anything()
