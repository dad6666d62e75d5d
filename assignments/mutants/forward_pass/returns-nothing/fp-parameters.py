def make_parameters(features, outputs):
    """W, small and random, and b, zeros: both require gradients."""
    W = (0.1 * torch.randn(features, outputs)).requires_grad_()
    b = torch.zeros(outputs, requires_grad=True)
    print(W, b)
