def softmax(x, dim):
    """Probabilities that are positive and sum to 1 along dim."""
    powers = torch.exp(x)
    return powers / powers.sum(dim=dim, keepdim=True)
