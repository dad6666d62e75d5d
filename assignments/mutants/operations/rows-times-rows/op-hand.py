elementwise = [[4, 2], [0, 6]]
matmul = [[6, 9], [3, 6]]
