class Wrapper(torch.Tensor):
    @staticmethod
    def __new__(cls):
        return torch.Tensor._make_wrapper_subclass(cls, (), dtype=torch.float32, requires_grad=True)

    @classmethod
    def __torch_dispatch__(cls, function, types, args=(), kwargs=None):
        return torch.tensor(16.0)

    def item(self):
        return 16.0


x = torch.tensor(2.0)
W = torch.tensor(3.0, requires_grad=True)
y = W * x
loss = Wrapper()
