def per_student(table):
    return torch.stack([row.mean() for row in table])


def per_assignment(table):
    return table.T.sum(axis=-1) / len(table)


def best_of_each(table):
    values, places = torch.max(table, 1)
    return values
