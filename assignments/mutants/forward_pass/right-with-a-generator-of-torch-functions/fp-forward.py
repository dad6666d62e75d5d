def forward(X, W, b):
    """The predictions, of shape (n, outputs)."""
    return torch.nn.functional.linear(X, W.T, b)
