def broadcast_shape(a, b):
    return f"({max(a)}, {max(b)})"
