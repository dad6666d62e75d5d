elementwise, matmul = 12, [[14, "5"], [15, None]]
