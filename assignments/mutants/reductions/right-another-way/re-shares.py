def shares(x, dim=1):
    return torch.div(x, torch.unsqueeze(torch.sum(x, dim), dim))
