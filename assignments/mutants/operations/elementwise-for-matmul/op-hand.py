elementwise = [[4, 2], [0, 6]]
matmul = [[4, 2], [0, 6]]
