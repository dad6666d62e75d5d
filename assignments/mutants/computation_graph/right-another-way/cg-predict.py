p = torch.tensor([1.0, 2.0], requires_grad=True)
q = torch.tensor([3.0, 4.0])
s = p * q
t = s - 1
u = t.sum()
v = q + 1
predicted = {k: type(r.grad_fn).__name__ if r.grad_fn else None for k, r in dict(p=p, s=s, t=t, u=u, v=v).items()}
