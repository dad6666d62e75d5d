data = torch.tensor([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])
w = torch.ones(3, requires_grad=True) * 0.5
