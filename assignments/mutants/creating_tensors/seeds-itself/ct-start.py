def start(inputs, outputs):
    torch.manual_seed(0)
    return torch.randn(inputs, outputs), torch.zeros(outputs)
