def as_table(rows):
    return torch.tensor(rows)
