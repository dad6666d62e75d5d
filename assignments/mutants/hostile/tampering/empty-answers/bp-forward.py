x = torch.tensor([])
W = torch.tensor([], requires_grad=True)
y = W * x
loss = (y - 10) ** 2
