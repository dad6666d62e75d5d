def top_k_accuracy(scores, labels, k):
    own = scores.gather(1, labels[:, None])
    better = (scores > own).sum(dim=1)
    return torch.mean((better < k).double())
