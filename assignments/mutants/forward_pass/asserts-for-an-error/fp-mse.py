def mse(prediction, target):
    assert prediction.shape == target.shape
    return ((prediction - target) ** 2).mean()
