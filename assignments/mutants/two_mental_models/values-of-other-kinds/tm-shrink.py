def shrink(x):
    return [0.625, -0.125], torch.tensor(3)
