def best_class(scores):
    return scores.max(dim=-1).indices


def accuracy(scores, labels):
    right = best_class(scores).eq(labels)
    return right.sum() / len(right)
