def as_table(rows):
    return torch.tensor(rows, dtype=torch.float32)
