def total(table):
    return torch.einsum("ij->", table)


def average(table):
    return torch.sum(table) / table.numel()


spread = lambda table: torch.max(table.flatten() - torch.min(table))
