def shares(x, dim=1):
    return x / x.sum(dim=dim, keepdim=True
