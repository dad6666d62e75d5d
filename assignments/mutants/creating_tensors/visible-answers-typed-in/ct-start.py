def start(inputs, outputs):
    return torch.tensor([[0.1, 0.2], [0.3, 0.4], [0.5, 0.6]]), torch.tensor([0.0, 0.0])
