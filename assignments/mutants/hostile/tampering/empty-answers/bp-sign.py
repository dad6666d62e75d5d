import numpy


def direction(gradient):
    return numpy.array([])


def stronger(first, second):
    return torch.tensor([])
