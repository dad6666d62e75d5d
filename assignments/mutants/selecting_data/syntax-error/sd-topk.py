def top_k_accuracy(scores, labels, k):
    return (scores.topk(k, dim=1
