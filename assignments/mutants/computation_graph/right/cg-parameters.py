data = torch.tensor([[1, 2, 3], [4, 5, 6]], dtype=torch.float32)
w = torch.full((3, 1), 0.5, requires_grad=True)
