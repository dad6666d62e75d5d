def likeness(x):
    return torch.bmm(x, x.mT)
