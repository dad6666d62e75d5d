def mse(prediction, target):
    return torch.tensor(10.0)
