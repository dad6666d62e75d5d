a = torch.tensor(2.0)
b = torch.tensor(3.0)
x = torch.tensor(4.0)
y = a + b
z = x * y
