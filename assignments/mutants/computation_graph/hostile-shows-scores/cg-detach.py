def chase(value, following, reward):
    return value
