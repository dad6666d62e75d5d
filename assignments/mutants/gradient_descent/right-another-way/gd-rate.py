def error_factor(x, lr):
    w = torch.tensor(1.0, dtype=torch.float64, requires_grad=True)
    before = w * x - 30
    (before**2).backward()
    return float(((w - lr * w.grad) * x - 30) / before)


def behaviour(factor):
    return "never" if not math.fabs(factor) < 1 else ["straight", "zigzag"][factor < 0]
