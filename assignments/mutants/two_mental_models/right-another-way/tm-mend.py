def mended(x):
    positive = (x.sum() > 0).to(x.dtype)
    return positive * x * 2 - (1 - positive) * x


program = torch.fx.GraphModule(nn.Module(), torch.fx.Tracer().trace(mended))
