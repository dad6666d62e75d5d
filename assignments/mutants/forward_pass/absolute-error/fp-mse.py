def mse(prediction, target):
    """The mean of the squared differences; a ValueError where the shapes differ."""
    if prediction.shape != target.shape:
        raise ValueError(f"the prediction has shape {tuple(prediction.shape)}, the target {tuple(target.shape)}")
    return (prediction - target).abs().mean()
