def start(inputs, outputs):
    return torch.randn(outputs, inputs), torch.zeros(outputs)
