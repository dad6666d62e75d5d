def is_parameter(t):
    return t.requires_grad and t.is_leaf
