C = torch.tensor([[1, 2], [0, 3]])
D = torch.tensor([[4, 1], [5, 2]])
elementwise = C * D
matmul = (C @ D).tolist()
