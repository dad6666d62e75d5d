"""Cells for every item of 'works with', and the options that ask for everything besides the picture: data for tests."""

from __future__ import annotations

ALL = "--forward --saved --check --lr 0.1"

CUBE = """\
class Cube(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x ** 3

    @staticmethod
    def backward(ctx, g):
        (x,) = ctx.saved_tensors
        return g * 3 * x ** 2
"""

#: name → (cells before, the cell, what of it is compared)
CELLS = {
    "custom function": (
        CUBE,
        "w = torch.tensor([1., 2.], requires_grad=True)\ny = Cube.apply(w)\ny.sum().backward()",
        "w.grad, y",
    ),
    "checkpoint": (
        "from torch.utils.checkpoint import checkpoint",
        "net = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Dropout(0.3))\nx = torch.randn(2, 3)\n"
        "out = checkpoint(net, x, use_reentrant=False)\nout.sum().backward()",
        "*[p.grad for p in net.parameters()], out",
    ),
    "reentrant checkpoint": (
        "from torch.utils.checkpoint import checkpoint",
        "net = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Dropout(0.3))\nx = torch.randn(2, 3, requires_grad=True)\n"
        "out = checkpoint(net, x, use_reentrant=True)\nout.sum().backward()",
        "*[p.grad for p in net.parameters()], out, x.grad",
    ),
    "hooks": (
        "log = []",
        "a = torch.randn(3, requires_grad=True)\ny = a.exp()\ny.register_hook(lambda g: g * 2)\ny.retain_grad()\n"
        "a.register_post_accumulate_grad_hook(lambda p: log.append(p.grad.clone()))\n"
        "y.grad_fn.register_prehook(lambda g: log.append(g[0]))\n"
        "lin = nn.Linear(3, 2)\nlin.register_full_backward_hook(lambda m, i, o: log.append(o[0]))\n"
        "(y.sum() + lin(y).sum()).backward()",
        "a.grad, y.grad, *log",
    ),
    "autograd.grad": (
        "",
        "w = torch.randn(3, requires_grad=True)\nx = w.sin()\ny = (x * w).sum()\n"
        "gw, gx = torch.autograd.grad(y, (w, x), retain_graph=True)\n(again,) = torch.autograd.grad(y, w)",
        "gw, gx, again",
    ),
    "double backward": (
        "",
        "a = torch.randn(3, requires_grad=True)\n(g,) = torch.autograd.grad((a ** 3).sum(), a, create_graph=True)\n"
        "g.pow(2).sum().backward()",
        "a.grad, g",
    ),
    "several losses": (
        "",
        "w = torch.randn(3, requires_grad=True)\nh = w * 2\nl1 = h.sum()\nl2 = (h ** 2).mean()\n"
        "l1.backward(retain_graph=True)\nl2.backward()",
        "w.grad, l1, l2",
    ),
    "losses together": (
        "",
        "w = torch.randn(3, requires_grad=True)\nl1, l2 = w.sum(), (w ** 2).sum()\ntorch.autograd.backward([l1, l2])",
        "w.grad, l1, l2",
    ),
    "retain_graph": (
        "",
        "w = torch.randn(3, requires_grad=True)\nl = w.exp().sum()\nfor _ in range(3):\n    l.backward(retain_graph=True)",
        "w.grad, l",
    ),
    "list, dict and dataclass": (
        "from dataclasses import dataclass\n@dataclass\nclass Out:\n    a: torch.Tensor\n    b: dict",
        "w = torch.randn(3, requires_grad=True)\nout = Out(w * 2, {'c': [w.sin(), w.cos()]})\n"
        "(out.a.sum() + sum(each.sum() for each in out.b['c'])).backward()",
        "w.grad, out.a, *out.b['c']",
    ),
    "lstm": (
        "",
        "rnn = nn.LSTM(3, 4, 2, dropout=0.3)\nout, (h, c) = rnn(torch.randn(5, 2, 3))\n(out.mean() + h.sum() * c.sum()).backward()",
        "*[p.grad for p in rnn.parameters()], out, h, c",
    ),
    "in place": (
        "",
        "a = torch.randn(3, requires_grad=True)\ny = a * 2\ny[0] = 1.\ny.mul_(3)\nb = torch.zeros(4)\nb[1:] = y\nb.sum().backward()",
        "a.grad, y, b",
    ),
    "views": (
        "",
        "a = torch.randn(4, requires_grad=True)\ny = a * 1\nv = y.view(2, 2)[0]\nv.add_(1)\nv.mul_(a[0])\n(y ** 2).sum().backward()",
        "a.grad, y, v",
    ),
    "no_grad and inference_mode": (
        "",
        "w = torch.randn(3, requires_grad=True)\nwith torch.no_grad():\n    m = w * 2\nwith torch.inference_mode():\n    i = w * 3\n"
        "l = (w * m).sum()\nl.backward()\nwith torch.no_grad():\n    w -= 0.1 * w.grad",
        "w, w.grad, m, i",
    ),
    "torch.func": (
        "from torch.func import functional_call, grad, vmap",
        "net = nn.Linear(3, 1)\nparams = dict(net.named_parameters())\nx = torch.randn(5, 3)\n"
        "per = vmap(grad(lambda p, r: functional_call(net, p, (r,)).sum()), (None, 0))(params, x)\n"
        "l = functional_call(net, params, (x,)).sum() + vmap(torch.sin)(params['bias']).sum()\nl.backward()",
        "*per.values(), *[p.grad for p in net.parameters()]",
    ),
    "a chain of 1,000 operations": (
        "",
        "w = torch.randn(3, requires_grad=True)\ny = w\nfor _ in range(1_000):\n    y = y * 1.0001\ny.sum().backward()",
        "w.grad, y",
    ),
    "a chain of 10,000 operations": (
        "",
        "w = torch.randn(3, requires_grad=True)\ny = w\nfor _ in range(10_000):\n    y = y * 1.0001\ny.sum().backward()",
        "w.grad, y",
    ),
    "complex": (
        "",
        "z = torch.randn(3, dtype=torch.complex64, requires_grad=True)\n(z * z.conj() + z ** 2).abs().sum().backward()",
        "z.grad",
    ),
    "sparse gradients": (
        "",
        "e = nn.Embedding(9, 3, sparse=True)\ne(torch.tensor([1, 2, 2])).pow(2).sum().backward()",
        "e.weight.grad.to_dense()",
    ),
    "jagged gradients": (
        "",
        "a, b = torch.randn(2, 3, requires_grad=True), torch.randn(4, 3, requires_grad=True)\n"
        "n = torch.nested.as_nested_tensor([a, b], layout=torch.jagged)\n(n * 2).sum().backward()",
        "a.grad, b.grad",
    ),
    "training": (
        "",
        "net = nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.Dropout(0.5), nn.ReLU(), nn.Linear(8, 1))\n"
        "opt = torch.optim.Adam(net.parameters())\n"
        "for _ in range(4):\n    opt.zero_grad()\n    loss = net(torch.randn(6, 4)).pow(2).mean()\n    loss.backward()\n    opt.step()",
        "*net.parameters(), *[p.grad for p in net.parameters()], *net.buffers(), loss",
    ),
    "data changed by hand": (
        "",
        "w = torch.ones(3, requires_grad=True)\nfor _ in range(3):\n    l = (w * torch.arange(3.)).pow(2).sum()\n"
        "    w.grad = None\n    l.backward()\n    w.data -= 0.1 * w.grad",
        "w, w.grad",
    ),
    "autocast": (
        "",
        "net = nn.Linear(3, 2)\nwith torch.autocast('cpu', dtype=torch.bfloat16):\n    y = net(torch.ones(4, 3))\ny.float().pow(2).sum().backward()",
        "*[p.grad for p in net.parameters()], y",
    ),
    "a generator of the user's": (
        "gen = torch.Generator().manual_seed(4)",
        "w = torch.rand(3, requires_grad=True)\ny = w * torch.rand(3, generator=gen)\ny.sum().backward()\nnext_one = torch.rand(2, generator=gen)",
        "w.grad, y, next_one",
    ),
    "modes of the user's": (
        "from torch.utils._python_dispatch import TorchDispatchMode\nfrom torch.overrides import TorchFunctionMode\n"
        "log = []\nclass Dispatched(TorchDispatchMode):\n    def __torch_dispatch__(self, func, types, args=(), kwargs=None):\n"
        "        log.append(str(func))\n        return func(*args, **(kwargs or {}))\n"
        "class Called(TorchFunctionMode):\n    def __torch_function__(self, func, types, args=(), kwargs=None):\n"
        "        log.append(getattr(func, '__name__', '?'))\n        return func(*args, **(kwargs or {}))",
        "w = torch.randn(3, requires_grad=True)\nwith Dispatched(), Called():\n    l = (F.dropout(w, 0.5) * 2).sum()\n    l.backward()\n"
        "with Dispatched():\n    m = w.exp()\n(m * w).sum().backward()",
        "w.grad, l, torch.tensor(len(log)), torch.tensor([hash(each) for each in log])",
    ),
    "an exception in the middle": (
        "",
        "w = torch.ones(2, requires_grad=True)\n(w * 2).sum().backward()\nu = (w * 3).sum()\nraise ValueError('mine')",
        "w.grad, u",
    ),
    "an interrupt in the middle": (
        "",
        "w = torch.ones(2, requires_grad=True)\n(w * 2).sum().backward()\nu = (w * 3).sum()\nraise KeyboardInterrupt",
        "w.grad, u",
    ),
    "an exception inside the pass": (
        "def fail(g):\n    raise ValueError('in a hook')",
        "w = torch.ones(2, requires_grad=True)\ny = w * 2\ny.register_hook(fail)\ntry:\n    y.sum().backward()\nexcept ValueError as e:\n    said = str(e)\n(w * 5).sum().backward()",
        "w.grad, y",
    ),
}
