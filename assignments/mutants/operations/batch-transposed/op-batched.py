def likeness(x):
    return x @ x.transpose(0, 1)
