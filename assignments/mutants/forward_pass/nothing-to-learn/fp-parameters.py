def make_parameters(features, outputs):
    """W, small and random, and b, zeros: both require gradients."""
    W = (0.1 * torch.randn(features, outputs))
    b = torch.zeros(outputs)
    return W, b
