def chase(value, following, reward):
    with torch.no_grad():
        for argument in (value, following, reward):
            argument.zero_()
    return (value * value).mean()
