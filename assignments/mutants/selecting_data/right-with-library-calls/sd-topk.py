def top_k_accuracy(scores, labels, k):
    """The fraction of rows whose label is among the k best classes."""
    best = torch.argsort(scores, dim=1, descending=True)[:, :k]
    hits = (best == labels[:, None]).sum(dim=1)
    return hits.float().mean()
