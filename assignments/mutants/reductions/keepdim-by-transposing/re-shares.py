def shares(x, dim=1):
    return (x.T / x.sum(dim=1)).T
