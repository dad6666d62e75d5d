def mended(x):
    return torch.where(x.sum() > 0, 2 * x, -x)


program = torch.fx.symbolic_trace(mended)
