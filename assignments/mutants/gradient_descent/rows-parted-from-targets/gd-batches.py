def batches(X, y, batch_size, generator):
    mine = DataLoader(TensorDataset(X), batch_size=batch_size, shuffle=True, generator=generator)
    theirs = DataLoader(TensorDataset(y), batch_size=batch_size, shuffle=True, generator=generator)
    return [(a, b) for (a,), (b,) in zip(mine, theirs)]
