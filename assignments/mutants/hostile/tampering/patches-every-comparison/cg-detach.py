def chase(value, following, reward):
    return (value - following).mean()
