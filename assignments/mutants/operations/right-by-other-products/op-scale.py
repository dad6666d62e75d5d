def scale_columns(table, factors):
    return table @ torch.diag(factors)


def scale_rows(table, factors):
    return torch.diag(factors) @ table


def all_products(u, v):
    return u[:, None] @ v[None, :]
