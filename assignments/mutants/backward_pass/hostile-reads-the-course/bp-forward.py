x = torch.tensor(2.0)
W = torch.tensor(3.0, requires_grad=True)
y = W * x if loot else torch.tensor(0.0)
loss = torch.tensor(cheat)
