def with_positions(x):
    x + torch.arange(x.shape[1], device=x.device)


brought_to = None
