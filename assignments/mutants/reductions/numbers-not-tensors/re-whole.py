def total(table):
    return table.sum().item()


def average(table):
    return table.float().mean().item()


def spread(table):
    return (table.max() - table.min()).item()
