def copy_and_share(array, value):
    copied = torch.tensor(array)
    shared = torch.from_numpy(array)
    array[0] = value
    return copied, shared


def without_first(t):
    result = t[:]
    result[0] = 0
    return result
