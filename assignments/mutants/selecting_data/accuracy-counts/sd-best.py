def best_class(scores):
    """For each row the position of its largest score."""
    return scores.argmax(dim=1)


def accuracy(scores, labels):
    """The fraction of rows whose best class is their label."""
    return (scores.argmax(dim=1) == labels).float().sum()
