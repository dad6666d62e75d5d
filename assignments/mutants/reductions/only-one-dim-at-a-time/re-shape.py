def reduced_shape(shape, dim=None, keepdim=False):
    if dim is None:
        return ()
    return tuple(1 if place == dim else size for place, size in enumerate(shape) if keepdim or place != dim)
