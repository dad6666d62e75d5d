a = b = x = y = z = torch.zeros(1)
