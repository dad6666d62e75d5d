elementwise = [[4, 2], [0, 6]]
matmul = [[4, 11], [5, 16]]
