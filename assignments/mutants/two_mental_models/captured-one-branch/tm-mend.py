def mended(x):
    return torch.where(x.sum() > 0, 2 * x, -x)


positive = by_value(torch.ones(2)).sum() > 0
program = torch.fx.symbolic_trace((lambda x: 2 * x) if positive else (lambda x: -x))
