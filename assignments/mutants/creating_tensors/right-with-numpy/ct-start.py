class Start:
    def __call__(self, inputs, outputs):
        return torch.normal(0.0, 1.0, size=(inputs, outputs)), torch.zeros((outputs,), dtype=torch.float32)


start = Start()
