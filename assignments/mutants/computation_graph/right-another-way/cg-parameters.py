data = torch.arange(1.0, 7.0).reshape(2, 3)
w = torch.nn.Parameter(torch.empty(3, 1))
with torch.no_grad():
    w.fill_(0.5)
