data = torch.zeros(1)
w = torch.zeros(1)
