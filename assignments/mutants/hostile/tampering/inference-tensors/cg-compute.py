def compute(a, b, x):
    with torch.inference_mode():
        return x * (a + b)
