def gather_columns(x, index):
    return torch.stack([x[row, index[row]] for row in range(len(x))])


def score_of_label(scores, labels):
    return torch.stack([scores[row, labels[row]] for row in range(len(scores))])
