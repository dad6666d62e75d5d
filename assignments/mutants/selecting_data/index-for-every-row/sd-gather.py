def gather_columns(x, index):
    return x[:, index]


def score_of_label(scores, labels):
    return scores[:, labels]
