def forward(X, W, b):
    """The predictions, of shape (n, outputs)."""
    return X @ W + b
