def make_parameters(features, outputs):
    """W, small and random, and b, zeros: both require gradients."""
    W = (torch.randn(features, outputs)).requires_grad_()
    b = torch.zeros(outputs, requires_grad=True)
    return W, b
