def batches(X, y, batch_size, generator):
    order = torch.randperm(len(X), generator=generator)
    return [(X[some], y[some]) for some in order.split(batch_size)]
