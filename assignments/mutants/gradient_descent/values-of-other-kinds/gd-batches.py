def batches(X, y, batch_size, generator):
    return DataLoader(TensorDataset(X, y), batch_size=batch_size)
