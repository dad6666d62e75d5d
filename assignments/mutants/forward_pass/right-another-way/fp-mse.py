def mse(prediction, target):
    if tuple(target.size()) != tuple(prediction.size()):
        raise ValueError("shapes differ")
    difference = torch.sub(target, prediction)
    return torch.sum(difference * difference) / difference.numel()
