def gather_columns(x, index):
    """In row i and column j: x[i, index[i, j]]."""
    return x.gather(0, index)


def score_of_label(scores, labels):
    """In place i: scores[i, labels[i]]."""
    return scores.gather(0, labels.unsqueeze(1)).squeeze(1)
