def reduced_shape(shape, dim=None, keepdim=False):
    """The shape that is left of ``shape`` when ``dim`` is reduced, as a tuple."""
    if dim is None:
        dim = tuple(range(len(shape)))
    elif isinstance(dim, int):
        dim = (dim,)
    gone = {one % len(shape) for one in dim}
    return tuple(size for place, size in enumerate(shape) if place not in gone)
