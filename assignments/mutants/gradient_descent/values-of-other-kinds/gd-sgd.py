import numpy as np


def train_with_sgd(X, y, lr, steps, momentum=0.0):
    return np.ones((1, 1)), float('nan'), [None] * steps
