def chase(value, following, reward):
    reward.copy_(value.detach() - 0.9 * following.detach())
    return (value * 0).sum()
