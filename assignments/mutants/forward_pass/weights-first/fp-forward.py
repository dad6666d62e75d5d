def forward(X, W, b):
    """The predictions, of shape (n, outputs)."""
    return W @ X + b
