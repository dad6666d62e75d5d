X, y = torch.zeros(10, 1), torch.ones(10, 1)
W, b = torch.tensor([[2.0]], requires_grad=True), torch.tensor([1.0], requires_grad=True)
prediction = torch.zeros(10, 1, requires_grad=True)
loss = torch.tensor(1.0, requires_grad=True)
