def batches(X, y, batch_size, generator):
    data = TensorDataset(X, y)
    return list(DataLoader(data, batch_size=batch_size, shuffle=False, generator=generator))
