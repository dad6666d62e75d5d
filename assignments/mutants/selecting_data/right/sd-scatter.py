def put_back(values, index, columns):
    """Zeros, with values[i, j] in row i and column index[i, j]."""
    zeros = torch.zeros(len(values), columns, dtype=values.dtype)
    return zeros.scatter(1, index, values)


def one_hot(labels, classes):
    """A row for each label: 1 in its column, 0 elsewhere."""
    index = labels.unsqueeze(1)
    return put_back(torch.ones(len(labels), 1), index, classes)
