def likeness(x):
    return x @ x.permute(2, 1, 0)
