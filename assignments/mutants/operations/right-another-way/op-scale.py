def scale_columns(table, factors):
    return torch.einsum("rc,c->rc", table, factors)


def scale_rows(table, factors):
    return (table.T * factors).T


def all_products(u, v):
    return torch.outer(u, v)
