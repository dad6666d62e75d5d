class Compute(torch.nn.Module):
    def forward(self, a, b, x):
        return a * x + b * x


compute = Compute()
