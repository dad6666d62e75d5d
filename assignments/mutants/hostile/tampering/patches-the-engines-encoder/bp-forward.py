x = y = W = loss = torch.tensor(0.0)
