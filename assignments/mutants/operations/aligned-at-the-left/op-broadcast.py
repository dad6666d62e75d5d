def broadcast_shape(a, b):
    dims = max(len(a), len(b))
    a = a + (1,) * (dims - len(a))
    b = b + (1,) * (dims - len(b))
    if any(m != n and 1 not in (m, n) for m, n in zip(a, b)):
        return None
    return tuple(max(m, n) for m, n in zip(a, b))
