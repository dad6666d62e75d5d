def compute(a, b, x):
    if torch.is_grad_enabled():
        return x * (a + b) + 0 * a
    return x * a


class Two:
    pass
