"""What a test hands to a student's function is used, trained and changed as in one process."""

from __future__ import annotations

import pytest

from tests.engine.conftest import Grade, Idiom, assert_right_and_wrong

pytestmark = pytest.mark.sandbox

CALLBACKS: dict[str, Idiom] = {
    "a lambda": ("def apply(g, x):\n    return g(x) + 1", "assert apply(lambda v: v * 2, 3) == 7"),
    "a lambda that takes what the student makes": (
        "def collect(g):\n    return [g(i, twice=2 * i) for i in range(3)]",
        "assert collect(lambda i, twice: i + twice) == [0, 3, 6]",
    ),
    "a derivative of the test's function": (
        "import torch\ndef slope(f, x):\n    x = torch.tensor(float(x), requires_grad=True)\n    f(x).backward()\n    return x.grad.item()",
        "assert slope(lambda x: x ** 3, 2) == 12.0\nassert slope(lambda x: 5 * x, 1) == 5.0",
    ),
    "a derivative with respect to the test's own tensor": (
        "def energy(f, x):\n    return 3 * f(x)",
        "import torch\nx = torch.tensor(2.0, requires_grad=True)\nw = torch.tensor(5.0, requires_grad=True)\n"
        "energy(lambda v: v * w, x).backward()\nassert x.grad == 15 and w.grad == 6",
    ),
    "a second derivative of the test's function": (
        "import torch\ndef curvature(f, x):\n    x = torch.tensor(float(x), requires_grad=True)\n"
        "    (g,) = torch.autograd.grad(f(x), x, create_graph=True)\n    return torch.autograd.grad(g, x)[0].item()",
        "assert curvature(lambda x: x ** 3, 2) == 12.0",
    ),
    "gradient descent on the test's function": (
        "import torch\ndef minimise(f, start, steps, lr):\n    x = torch.tensor(start, requires_grad=True)\n    for _ in range(steps):\n"
        "        loss = f(x)\n        loss.backward()\n        with torch.no_grad():\n            x -= lr * x.grad\n        x.grad = None\n    return x.detach()",
        "import torch\nassert torch.allclose(minimise(lambda x: ((x - 3) ** 2).sum(), [0.0, 10.0], 60, 0.1), torch.tensor(3.0), atol=1e-3)",
    ),
    "the test's parameters and model function": (
        "import torch\ndef train(model, params, x, y):\n    for _ in range(50):\n        loss = ((model(x) - y) ** 2).mean()\n"
        "        grads = torch.autograd.grad(loss, params)\n        with torch.no_grad():\n            for p, g in zip(params, grads):\n                p -= 0.1 * g\n    return loss.item()",
        "import torch\nw = torch.zeros(1, requires_grad=True)\nx = torch.tensor([1.0, 2.0])\nfinal = train(lambda v: w * v, [w], x, 3 * x)\n"
        "assert abs(w.item() - 3) < 1e-3 and final < 1e-3",
    ),
    "backward in the student's function, through the test's": (
        "def step(loss_of, w, lr):\n    loss = loss_of(w)\n    loss.backward()\n    import torch\n    with torch.no_grad():\n        w -= lr * w.grad\n    w.grad.zero_()\n    return loss.item()",
        "import torch\nw = torch.tensor([4.0], requires_grad=True)\nassert step(lambda v: (v * v).sum(), w, 0.25) == 16.0\nassert w.item() == 2.0 and w.grad.item() == 0.0",
    ),
    "a function that calls the student's function": (
        "def twice(f, x):\n    return f(f(x))\ndef inc(x):\n    return x + 1",
        "assert twice(lambda v: inc(v) * 10, 0) == 110",
    ),
    "an error of the test's function is seen": (
        "def safe(f, default):\n    try:\n        return f()\n    except ZeroDivisionError:\n        return default",
        "assert safe(lambda: 1 / 0, 'none') == 'none'\nimport pytest\nwith pytest.raises(KeyError):\n    safe(lambda: {}['k'], 0)",
    ),
    "a counter of calls": (
        "def memo(f):\n    kept = {}\n    def g(n):\n        if n not in kept:\n            kept[n] = f(n)\n        return kept[n]\n    return g",
        "calls = []\ndef slow(n):\n    calls.append(n)\n    return n * n\nfast = memo(slow)\nassert [fast(3), fast(3), fast(4)] == [9, 9, 16] and calls == [3, 4]",
    ),
    "kept for later": (
        "class Trainer:\n    def __init__(self, loss):\n        self.loss = loss\n    def run(self, x):\n        return self.loss(x) + 1",
        "t = Trainer(lambda v: v * 3)\nassert t.run(2) == 7",
    ),
    "a mock": (
        "def notify(send, names):\n    for name in names:\n        send(name, urgent=True)",
        "from unittest.mock import Mock, call\nsend = Mock()\nnotify(send, ['a', 'b'])\nassert send.call_args_list == [call('a', urgent=True), call('b', urgent=True)]",
    ),
    "a generator of the test's": (
        "def total(batches):\n    return sum(b.sum().item() for b in batches)",
        "import torch\nassert total(torch.ones(2) * i for i in range(4)) == 12.0\nassert total(iter([torch.ones(1)])) == 1.0",
    ),
    "an object of a class of the test's": (
        "def describe(shape):\n    return f'{shape.name}: {shape.area():.1f}'",
        "class Square:\n    name = 'square'\n    def __init__(self, side): self.side = side\n    def area(self): return self.side ** 2\nassert describe(Square(3)) == 'square: 9.0'",
    ),
    "a data loader": (
        "def mean_of(loader):\n    total = n = 0\n    for x, y in loader:\n        total += (x.sum() + y.sum()).item()\n        n += len(x)\n    return total / n",
        "import torch\nfrom torch.utils.data import DataLoader, TensorDataset\ndata = TensorDataset(torch.ones(6, 2), torch.ones(6))\n"
        "assert mean_of(DataLoader(data, batch_size=4)) == 3.0",
    ),
    "a dataset": (
        "def sizes(data):\n    x, y = data[1]\n    return len(data), tuple(x.shape), y.item()",
        "import torch\nfrom torch.utils.data import TensorDataset\nassert sizes(TensorDataset(torch.ones(6, 2), torch.arange(6))) == (6, (2,), 1)",
    ),
    "a module of the test's": (
        "import torch\ndef predict(model, x):\n    model.eval()\n    with torch.no_grad():\n        return model(x)",
        "import torch\nfrom torch import nn\nmodel = nn.Sequential(nn.Linear(3, 2), nn.BatchNorm1d(2), nn.ReLU())\nx = torch.randn(4, 3)\n"
        "y = predict(model, x)\nassert not model.training and not y.requires_grad and torch.allclose(y, model(x))",
    ),
    "gradients in a module of the test's": (
        "def grads(model, x):\n    model(x).sum().backward()\n    return {n: p.grad.norm().item() for n, p in model.named_parameters()}",
        "import torch\nfrom torch import nn\nmodel = nn.Linear(3, 1)\nfound = grads(model, torch.ones(2, 3))\n"
        "assert torch.equal(model.weight.grad, torch.full((1, 3), 2.0)) and abs(found['weight'] - 12 ** 0.5) < 1e-5 and found['bias'] == 2.0",
    ),
    "training a module of the test's": (
        "import torch\ndef fit(model, x, y, steps):\n    opt = torch.optim.SGD(model.parameters(), lr=0.1)\n    for _ in range(steps):\n        opt.zero_grad()\n"
        "        loss = torch.nn.functional.mse_loss(model(x), y)\n        loss.backward()\n        opt.step()\n    return model",
        "import torch\nfrom torch import nn\ntorch.manual_seed(0)\nmodel = nn.Linear(1, 1)\nx = torch.linspace(-1, 1, 20)[:, None]\n"
        "assert fit(model, x, 2 * x + 1, 200) is model\nassert torch.allclose(model.weight, torch.tensor(2.0), atol=1e-2) and torch.allclose(model.bias, torch.tensor(1.0), atol=1e-2)",
    ),
    "a training step with the test's optimizer": (
        "def train_step(model, opt, loss_fn, x, y):\n    opt.zero_grad()\n    loss = loss_fn(model(x), y)\n    loss.backward()\n    opt.step()\n    return loss.item()",
        "import torch\nfrom torch import nn\ntorch.manual_seed(0)\nmine, theirs = nn.Linear(2, 1), nn.Linear(2, 1)\nmine.load_state_dict(theirs.state_dict())\n"
        "a, b = torch.optim.Adam(mine.parameters(), lr=0.1), torch.optim.Adam(theirs.parameters(), lr=0.1)\nx, y = torch.randn(8, 2), torch.randn(8, 1)\n"
        "for _ in range(3):\n    a.zero_grad(); want = nn.MSELoss()(mine(x), y); want.backward(); a.step()\n"
        "    got = train_step(theirs, b, nn.MSELoss(), x, y)\n    assert abs(got - want.item()) < 1e-6\n"
        "assert torch.allclose(mine.weight, theirs.weight)\n"
        "assert torch.allclose(a.state[mine.weight]['exp_avg'], b.state[theirs.weight]['exp_avg'])",
    ),
    "a module of a class of the test's": (
        "import torch\ndef fit(model, x, y):\n    opt = torch.optim.SGD(model.parameters(), lr=0.5)\n    for _ in range(100):\n        opt.zero_grad()\n        loss = ((model(x) - y) ** 2).mean()\n        loss.backward()\n        opt.step()\n    return loss.item()",
        "import torch\nfrom torch import nn\nclass Shift(nn.Module):\n    def __init__(self):\n        super().__init__()\n        self.b = nn.Parameter(torch.zeros(()))\n    def forward(self, x):\n        return x + self.b\n"
        "m = Shift()\nx = torch.arange(4.0)\nassert fit(m, x, x + 2) < 1e-6 and abs(m.b.item() - 2) < 1e-3",
    ),
    "layers frozen": (
        "def freeze(model):\n    for p in model.parameters():\n        p.requires_grad = False",
        "from torch import nn\nm = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 1))\nfreeze(m)\nassert not any(p.requires_grad for p in m.parameters())",
    ),
    "a head replaced": (
        "from torch import nn\ndef adapt(model, classes):\n    model[1] = nn.Linear(4, classes)\n    return model",
        "import torch\nfrom torch import nn\nm = nn.Sequential(nn.Linear(2, 4), nn.Linear(4, 10))\nassert adapt(m, 3) is m and m(torch.ones(5, 2)).shape == (5, 3)\nassert m[1].out_features == 3",
    ),
    "a random generator of the test's": (
        "import torch\ndef noise(n, generator):\n    return torch.randn(n, generator=generator)",
        "import torch\ng = torch.Generator().manual_seed(3)\na = noise(4, g)\nb = noise(4, g)\nh = torch.Generator().manual_seed(3)\n"
        "assert torch.equal(a, torch.randn(4, generator=h)) and torch.equal(b, torch.randn(4, generator=h))",
    ),
    "a sort key": ("def best(items, key):\n    return max(items, key=key), sorted(items, key=key)", "assert best([3, -5, 4], lambda v: abs(v)) == (-5, [3, 4, -5])"),
    "a text stream": (
        "def greet(out):\n    print('hello', file=out)\n    out.write('you')",
        "import io\nout = io.StringIO()\ngreet(out)\nassert out.getvalue() == 'hello\\nyou'",
    ),
    "a path": (
        "def stem(p):\n    return p.stem, p.parent.name",
        "from pathlib import Path\nassert stem(Path('a/b/c.txt')) == ('c', 'b')",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CALLBACKS)
def test_a_right_solution_passes_and_nothing_else(grade: Grade, name: str) -> None:
    assert_right_and_wrong(grade, CALLBACKS[name])
