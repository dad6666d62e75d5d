def facts(t):
    elements = 1
    for size in t.shape:
        elements *= size
    return dict(shape=t.size(), dims=len(t.shape), elements=elements, dtype=t.dtype, device=str(t.device))
