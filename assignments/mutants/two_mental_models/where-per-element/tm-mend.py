def mended(x):
    return torch.where(x > 0, 2 * x, -x)


program = torch.fx.symbolic_trace(mended)
