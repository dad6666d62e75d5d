def reduced_shape(shape, dim=None, keepdim=False):
    left = [*shape]
    gone = range(len(left)) if dim is None else dim
    gone = [gone] if type(gone) is int else list(gone)
    for place in gone:
        left[place] = 1 if keepdim else None
    return [size for size in left if size is not None]
