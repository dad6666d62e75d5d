fourth_column = lambda x: x.T[3]


def fourth_as_table(x):
    return x[..., 3].reshape(-1, 1)


def corner(x):
    return torch.index_select(x, 0, torch.tensor([len(x) - 2, len(x) - 1]))[:, [1, 2]]
