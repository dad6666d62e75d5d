class Product(torch.autograd.Function):
    @staticmethod
    def forward(ctx, a, b, x):
        return x * (a + b)

    @staticmethod
    def backward(ctx, grad):
        return grad, grad, grad


def compute(a, b, x):
    return Product.apply(a, b, x)
