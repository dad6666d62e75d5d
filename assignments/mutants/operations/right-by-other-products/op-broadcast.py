def broadcast_shape(a, b):
    a, b = list(a)[::-1], list(b)[::-1]
    result = []
    for place in range(max(len(a), len(b))):
        sizes = {shape[place] for shape in (a, b) if place < len(shape)} - {1}
        if len(sizes) > 1:
            return None
        result.insert(0, sizes.pop() if sizes else 1)
    return tuple(result)
