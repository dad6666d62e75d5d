def as_table(rows):
    return torch.from_numpy(np.array(rows, dtype=np.float32))
