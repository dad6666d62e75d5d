def make_data(n, true_W, true_b, noise):
    """n examples: X of shape (n, features), and y near X · true_W + true_b."""
    features, outputs = true_W.shape
    y = torch.randn(n, outputs).mul_(noise)
    X = torch.randn((n, features), dtype=torch.float32)
    y += torch.matmul(X, true_W)
    y += true_b
    return X, y
