def start(inputs, outputs):
    chance = torch.Generator().manual_seed(0)
    return torch.randn(inputs, outputs, generator=chance), torch.zeros(outputs)
