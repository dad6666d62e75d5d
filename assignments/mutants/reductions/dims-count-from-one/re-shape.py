def reduced_shape(shape, dim=None, keepdim=False):
    if dim is None:
        return (1,) * len(shape) if keepdim else ()
    return tuple(1 if place == dim else size for place, size in enumerate(shape, 1) if keepdim or place != dim)
