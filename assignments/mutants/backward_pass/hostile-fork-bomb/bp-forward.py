x = torch.tensor(0.0)
W = torch.tensor(0.0)
y = torch.tensor(0.0)
loss = torch.tensor(0.0)
