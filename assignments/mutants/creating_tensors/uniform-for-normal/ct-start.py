def start(inputs, outputs):
    return torch.rand(inputs, outputs), torch.zeros(outputs)
