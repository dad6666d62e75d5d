def copy_and_share(array, value):
    array[0] = 10
    return torch.tensor([1.0, 2.0, 3.0]), torch.tensor([10.0, 2.0, 3.0])


def without_first(t):
    return torch.tensor([0.0, 6.0, 7.0])
