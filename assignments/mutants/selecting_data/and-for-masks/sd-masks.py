def between(x, low, high):
    """The elements from low to high, both included."""
    return x[x >= low and x <= high]


def how_many_above(x, limit):
    """For each row the number of elements above limit."""
    return (x > limit).sum(dim=1)


def capped(x, limit):
    """A copy in which no element is above limit."""
    return torch.where(x > limit, limit, x)
