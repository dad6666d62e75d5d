def start(inputs, outputs):
    return np.random.randn(inputs, outputs), None
