def softmax(x, dim):
    """Probabilities that are positive and sum to 1 along dim."""
    powers = torch.pow(torch.e, x.double() - x.double().amax(dim, keepdim=True))
    return powers / powers.sum(dim=dim, keepdim=True)
