def chase(value, following, reward):
    return torch.zeros(1).as_subclass(Liar)
