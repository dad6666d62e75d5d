def between(x, low, high):
    return torch.masked_select(x, torch.logical_and(x.ge(low), x.le(high)))


def how_many_above(x, limit):
    return torch.count_nonzero(x > limit, dim=-1)


def capped(x, limit):
    result = x.clone()
    result[result > limit] = limit
    return result
