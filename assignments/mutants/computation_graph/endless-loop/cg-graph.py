a = torch.tensor(2.0, requires_grad=True)
while a > 0:
    a.data = a.data + 1
