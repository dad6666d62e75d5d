x = torch.tensor(2.0)
W = torch.tensor(3.0, requires_grad=True)
y = W * x
loss = (y - 10) ** 2
print(loss)
