def gather_columns(x, index):
    return x.gather(1, index)


def score_of_label(scores, labels):
    picked = [scores[row, label].item() for row, label in enumerate(labels)]
    return torch.tensor(picked, dtype=scores.dtype)
