elementwise = ((4.0, 2.0), (0.0, 6.0))
matmul = torch.tensor([[14.0, 5.0], [15.0, 6.0]])
