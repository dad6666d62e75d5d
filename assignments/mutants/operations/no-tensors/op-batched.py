def likeness(x):
    return (x @ x.transpose(1, 2)).numpy()
