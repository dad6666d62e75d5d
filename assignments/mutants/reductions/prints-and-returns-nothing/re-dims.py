def per_student(table):
    """The mean of each row."""
    print(table.mean(dim=1))


def per_assignment(table):
    """The mean of each column."""
    print(table.mean(dim=0))


def best_of_each(table):
    """The largest element of each row."""
    print(table.amax(dim=1))
