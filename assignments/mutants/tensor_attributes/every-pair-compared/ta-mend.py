def cost(amounts, prices):
    return amounts.float() @ prices


def look_up(table, numbers):
    return table[numbers.long()]


def mean_error(prediction, target):
    return ((prediction - target) ** 2).mean()
