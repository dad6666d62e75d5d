def step(W_value, gradient, lr):
        size = lr * gradient
	return W_value - size

W_new = 4.6
