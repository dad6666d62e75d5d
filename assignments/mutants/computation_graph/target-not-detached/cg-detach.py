def chase(value, following, reward):
    return ((value - (reward + 0.9 * following)) ** 2).mean()
