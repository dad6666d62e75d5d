# %%
import random, weakref
import numpy as np
import torch
import torch.nn.functional as F
from torch import nn
torch.manual_seed(2); np.random.seed(2); random.seed(2)
# %%
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.Dropout(0.5), nn.ReLU())
        self.head = nn.Linear(8, 3)
    def forward(self, x):
        return self.head(self.body(x))
net = Net()
opt = torch.optim.Adam(net.parameters(), lr=0.01)
# %%
X, y = torch.randn(32, 4), torch.randint(0, 3, (32,))
losses = []
for epoch in range(30):
    opt.zero_grad()
    loss = F.cross_entropy(net(X), y)
    loss.backward()
    opt.step()
    losses.append(loss.item())
[round(value, 7) for value in losses]
# %%
from torch.utils.data import DataLoader, TensorDataset
order = [yb.tolist() for xb, yb in DataLoader(TensorDataset(X, y), batch_size=8, shuffle=True)]
order
# %%
[(name, round(p.grad.norm().item(), 6), p._version) for name, p in net.named_parameters()]
# %%
seen = []
handle = net.head.register_forward_hook(lambda module, args, out: seen.append(tuple(out.shape)))
hook = net.head.weight.register_hook(lambda g: seen.append(round(g.sum().item(), 6)))
net(X).sum().backward()
handle.remove(); hook.remove()
seen
# %%
class Double(torch.autograd.Function):
    @staticmethod
    def forward(ctx, t):
        ctx.save_for_backward(t)
        return t * 2
    @staticmethod
    def backward(ctx, g):
        (t,) = ctx.saved_tensors
        return g * 2 + 0 * t
w = torch.ones(3, requires_grad=True)
Double.apply(w).sum().backward()
w.grad.tolist()
# %%
with torch.inference_mode():
    inferred = net.eval()(X)
inferred.is_inference(), inferred.requires_grad
# %%
f = lambda v: (v.sin() ** 2).sum()
torch.func.grad(f)(torch.ones(3)), torch.func.vmap(torch.func.grad(f))(torch.ones(2, 3)), torch.func.jacrev(lambda v: v ** 2)(torch.ones(2))
# %%
compiled = torch.compile(lambda t: (t * 2).relu().sum(), backend="eager", fullgraph=True)
compiled(X), compiled(X + 1)
# %%
v = torch.ones(3, requires_grad=True)
v += 1
# %%
loss.backward()
# %%
h = torch.zeros(4)
u = h[1:]
u += 1
h, h._version, u._version
# %%
gone = []
def step():
    a = torch.ones(50, requires_grad=True)
    b = a * 2
    gone.append((weakref.ref(a), weakref.ref(b)))
    b.sum().backward()
step()
[each() is None for each in gone[0]]
# %%
big = torch.ones(1000)
ref = weakref.ref(big)
storage = weakref.ref(big.untyped_storage())
del big
ref() is None
# %%
traced = torch.jit.trace(nn.Linear(4, 2), X)
traced(X).shape
# %%
class Tagged(torch.Tensor):
    calls = []
    @classmethod
    def __torch_function__(cls, func, types, args=(), kwargs=None):
        cls.calls.append(func.__name__)
        return super().__torch_function__(func, types, args, kwargs or {})
tagged = torch.ones(2).as_subclass(Tagged)
out = tagged + 1
type(out).__name__, Tagged.calls
# %%
Tagged.calls
# %%
from torch.overrides import TorchFunctionMode
class Count(TorchFunctionMode):
    n = 0
    def __torch_function__(self, func, types, args=(), kwargs=None):
        Count.n += 1
        return func(*args, **(kwargs or {}))
with Count():
    torch.ones(2) + torch.ones(2)
Count.n
# %%
torch.set_default_dtype(torch.float64)
d = torch.ones(1) * 2
torch.set_default_dtype(torch.float32)
d.dtype
# %%
c = torch.ones(3, 1) - torch.ones(3)
n = torch.log(torch.tensor([-1.0, 1.0]))
k = torch.tensor([1, 2]); k[0] = 2.7
c.shape, n, k
# %%
for i in range(3000):
    big_loop = torch.ones(2) * i
big_loop
# %%
(a := torch.ones(2, requires_grad=True)); (a * 3).sum().backward(); a.grad, a._version, a.grad._version
# %%
torch.rand(3).tolist(), np.random.rand(2).tolist(), random.random(), torch.initial_seed()
