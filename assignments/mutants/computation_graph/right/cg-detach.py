def chase(value, following, reward):
    target = reward + 0.9 * following.detach()
    return ((value - target) ** 2).mean()
