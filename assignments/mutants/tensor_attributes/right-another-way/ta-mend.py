def cost(amounts, prices):
    return (amounts * prices).sum(dim=1)


def look_up(table, numbers):
    return table.index_select(0, numbers.int())


def mean_error(prediction, target):
    return torch.nn.functional.mse_loss(prediction.flatten(), target)
