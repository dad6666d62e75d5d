class LinearModel(torch.nn.Module):
    def __init__(self, features, outputs):
        super().__init__()
        self.register_parameter("b", torch.nn.Parameter(torch.zeros(outputs)))
        self.register_parameter("W", torch.nn.Parameter(torch.randn(features, outputs) / 10))

    def forward(self, X):
        return forward(X, self.W, self.b)
