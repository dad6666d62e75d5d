def top_k_accuracy(scores, labels, k):
    """The fraction of rows whose label is among the k best classes."""
    best = scores.topk(k, dim=1).indices
    hits = (best == labels).any(dim=1)
    return hits.float().mean()
