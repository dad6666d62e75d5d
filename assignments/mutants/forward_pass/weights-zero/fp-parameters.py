def make_parameters(features, outputs):
    """W, small and random, and b, zeros: both require gradients."""
    W = torch.zeros(features, outputs, requires_grad=True)
    b = torch.zeros(outputs, requires_grad=True)
    return W, b
