elementwise = [[4, 2], [0, 6]]
matmul = [[14, 5], [15, 6]]
