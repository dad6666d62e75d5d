def chase(value, following, reward):
    with torch.no_grad():
        target = reward + 0.9 * following
    return torch.nn.functional.mse_loss(value, target)
