def shares(x, dim=1):
    """x divided by its sums along dim."""
    return x / x.sum(dim=dim)
