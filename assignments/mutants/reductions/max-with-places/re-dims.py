def per_student(table):
    """The mean of each row."""
    return table.mean(dim=1)


def per_assignment(table):
    """The mean of each column."""
    return table.mean(dim=0)


def best_of_each(table):
    """The largest element of each row."""
    return table.max(dim=1)
