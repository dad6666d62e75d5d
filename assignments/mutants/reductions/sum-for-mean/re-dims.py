def per_student(table):
    """The sum of each row."""
    return table.sum(dim=1)


def per_assignment(table):
    """The sum of each column."""
    return table.sum(dim=0)


def best_of_each(table):
    """The largest element of each row."""
    return table.amax(dim=1)
