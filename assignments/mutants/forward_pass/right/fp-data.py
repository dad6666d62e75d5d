def make_data(n, true_W, true_b, noise):
    """n examples: X of shape (n, features), and y near X · true_W + true_b."""
    features, outputs = true_W.shape
    X = torch.randn(n, features)
    y = X @ true_W + true_b + noise * torch.randn(n, outputs)
    return X, y
