def mse(prediction, target):
    """The mean of the squared differences; a ValueError where the shapes differ."""
    if prediction.shape != target.shape:
        raise ValueError("prediction and target should have the same shape")
    return ((prediction - target) ** 2).mean().sqrt()
