a = torch.tensor([1, 2, 3])
b = torch.tensor([1, 2.5, 3])
c = torch.tensor([True, False])
d = torch.zeros(2, 3)
e = torch.arange(4)
f = torch.full((2, 2), 7)
g = torch.ones_like(a)
h = torch.tensor(np.array([0.5, 1.5]))
predicted = {name: str(tensor.dtype) for name, tensor in dict(a=a, b=b, c=c, d=d, e=e, f=f, g=g, h=h).items()}
