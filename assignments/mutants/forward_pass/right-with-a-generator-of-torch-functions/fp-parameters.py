def make_parameters(features, outputs):
    """W, small and random, and b, zeros: both require gradients."""
    W = torch.normal(torch.zeros(features, outputs), 0.1)
    W.requires_grad = True
    b = torch.zeros(outputs, requires_grad=True)
    return W, b
