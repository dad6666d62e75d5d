def shares(x, dim=1):
    x /= x.sum(dim=dim, keepdim=True)
    return x
