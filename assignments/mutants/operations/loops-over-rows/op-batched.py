def likeness(x):
    return torch.stack([sentence @ sentence.T for sentence in x])
