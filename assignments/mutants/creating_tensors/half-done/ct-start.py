def start(inputs, outputs):
    return torch.randn(inputs, outputs), torch.zeros(outputs)
