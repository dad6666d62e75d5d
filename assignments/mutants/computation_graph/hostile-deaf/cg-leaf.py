def is_parameter(t):
    return None
