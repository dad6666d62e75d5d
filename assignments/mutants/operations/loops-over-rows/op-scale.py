def scale_columns(table, factors):
    return torch.stack([row * factors for row in table])


def scale_rows(table, factors):
    return torch.stack([row * factor for row, factor in zip(table, factors)])


def all_products(u, v):
    return torch.stack([one * v for one in u])
