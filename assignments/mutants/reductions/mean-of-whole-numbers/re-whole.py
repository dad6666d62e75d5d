def total(table):
    """The sum of all elements, as a tensor of shape ()."""
    return table.sum()


def average(table):
    """The mean of all elements, as a floating tensor of shape ()."""
    return table.mean()


def spread(table):
    """The largest element minus the smallest, as a tensor of shape ()."""
    return table.max() - table.min()
