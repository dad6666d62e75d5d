def broadcast_shape(a, b):
    dims = max(len(a), len(b))
    a = (1,) * (dims - len(a)) + a
    b = (1,) * (dims - len(b)) + b
    result = ()
    for m, n in zip(a, b):
        if m == n or n == 1:
            result += (m,)
        elif m == 1:
            result += (n,)
        else:
            return None
    return result
