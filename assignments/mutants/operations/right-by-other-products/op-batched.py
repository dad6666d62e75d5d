def likeness(x):
    return (x.unsqueeze(2) * x.unsqueeze(1)).sum(dim=3)
