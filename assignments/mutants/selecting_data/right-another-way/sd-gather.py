def gather_columns(x, index):
    return x[torch.arange(len(x)).unsqueeze(1), index]


def score_of_label(scores, labels):
    return scores[torch.arange(len(scores)), labels]
