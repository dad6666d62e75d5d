def facts(t):
    return [t.shape, t.dtype]
