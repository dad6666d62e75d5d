def put_back(values, index, columns):
    """Zeros, with values[i, j] in row i and column index[i, j]."""
    zeros = torch.zeros(len(values), columns, dtype=values.dtype)
    zeros.scatter_(dim=1, index=index, src=values)
    return zeros


def one_hot(labels, classes):
    """A row for each label: 1 in its column, 0 elsewhere."""
    return torch.nn.functional.one_hot(labels, num_classes=classes).to(torch.float32)
