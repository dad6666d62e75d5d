class LinearModel(torch.nn.Module):
    def __init__(self, features, outputs):
        super().__init__()
        self.W = torch.nn.Parameter(torch.randn(features, outputs) * 0.1)
        self.b = torch.nn.Parameter(torch.zeros(outputs))

    def forward(self, X):
        W, b = make_parameters(*self.W.shape)
        return X @ W + b
