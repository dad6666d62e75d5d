def is_parameter(t):
    return bool(t.requires_grad) and t.grad_fn is None
