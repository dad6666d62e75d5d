def softmax(x, dim):
    """Probabilities that are positive and sum to 1 along dim."""
    powers = torch.exp(x - x.amax(dim=1, keepdim=True))
    return powers / powers.sum(dim=1, keepdim=True)
