def compute(a, b, x):
    sum_of_both = a + b
    if sum_of_both.requires_grad:
        sum_of_both.register_hook(lambda grad: grad * 2)
    return x * sum_of_both
