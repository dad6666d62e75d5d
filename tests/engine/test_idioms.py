"""Test cells written for one process give the same verdict across two."""

from __future__ import annotations

import pytest

from graders.engine.report import Outcome
from tests.engine.conftest import Grade, Idiom, assert_right_and_wrong

pytestmark = pytest.mark.sandbox

_MODEL = """
import torch
from torch import nn
class Net(nn.Module):
    def __init__(self, width=4):
        super().__init__()
        self.first = nn.Linear(3, width)
        self.last = nn.Linear(width, 1, bias=False)
    def forward(self, x):
        return self.last(torch.relu(self.first(x)))
model = Net()
opt = torch.optim.SGD(model.parameters(), lr=0.1)
"""

IDIOMS: dict[str, Idiom] = {
    "plain values": ("a = 3\nb = [1, {'k': (2.5, None)}]", "assert a == 3\nassert b == [1, {'k': (2.5, None)}]"),
    "functions by value": ("def f(x, y=2, *, z=3):\n    return x + y + z", "assert f(1) == 6\nassert f(1, 1, z=1) == 3"),
    "tensor": ("import torch\nt = torch.arange(6).reshape(2, 3)", "import torch\nassert t.shape == (2, 3)\nassert torch.equal(t.sum(0), torch.tensor([3, 5, 7]))"),
    "leaf and grad": (
        "import torch\nW = torch.tensor(3., requires_grad=True)\nloss = (W * 2 - 10) ** 2\nloss.backward()",
        "assert W.requires_grad and W.is_leaf and W.grad == -16\nassert not loss.is_leaf and loss.grad_fn is not None",
    ),
    "backward in the test": (
        "import torch\nW = torch.tensor(3., requires_grad=True)\nloss = (W * 2 - 10) ** 2",
        "loss.backward()\nassert W.grad == -16",
    ),
    "backward through a function, into the student's parameter": (
        "import torch\nW = torch.ones(2, requires_grad=True)\ndef f(x):\n    return (W * x).sum()",
        "import torch\nx = torch.tensor([2., 5.], requires_grad=True)\nf(x).backward()\n"
        "assert torch.equal(x.grad, torch.ones(2))\nassert torch.equal(W.grad, x.detach())",
    ),
    "torch.autograd.grad leaves .grad alone": (
        "import torch\nW = torch.ones(2, requires_grad=True)\ndef f(x):\n    return (W * x).sum()",
        "import torch\n(g,) = torch.autograd.grad(f(torch.ones(2)), W)\nassert torch.equal(g, torch.ones(2))\nassert W.grad is None",
    ),
    "second derivative": (
        "def f(x):\n    return x ** 3",
        "import torch\nx = torch.tensor(2., requires_grad=True)\n(g,) = torch.autograd.grad(f(x), x, create_graph=True)\n"
        "(h,) = torch.autograd.grad(g, x)\nassert g == 12 and h == 12",
    ),
    "gradcheck and gradgradcheck": (
        "import torch\ndef f(x, y):\n    return torch.sin(x) * y",
        "import torch\nargs = [torch.rand(3, dtype=torch.float64, requires_grad=True) for _ in range(2)]\n"
        "assert torch.autograd.gradcheck(f, args)\nassert torch.autograd.gradgradcheck(f, args)",
    ),
    "several results": (
        "def f(x):\n    return {'y': x * 2, 'n': 7}, [x + 1]",
        "import torch\nx = torch.tensor(1., requires_grad=True)\nd, (z,) = f(x)\n(d['y'] + z).backward()\nassert d['n'] == 7 and x.grad == 3",
    ),
    "an argument given back is the same object": (
        "def f(x):\n    return x",
        "import torch\nx = torch.ones(2, requires_grad=True)\nassert f(x) is x",
    ),
    "an argument changed in place": (
        "def f(t, l, d):\n    t += 1\n    l.append(4)\n    d['k'] = 2",
        "import torch\nt, l, d = torch.zeros(2), [1], {}\nf(t, l, d)\nassert t.tolist() == [1, 1] and l == [1, 4] and d == {'k': 2}",
    ),
    "the gradient of an argument, accumulated": (
        "def step(W, x):\n    loss = (W * x - 10) ** 2\n    loss.backward()\n    return W.grad",
        "import torch\nW = torch.tensor(3., requires_grad=True)\nassert step(W, 2.) == -16 and W.grad == -16\nkept = W.grad\n"
        "assert step(W, 2.) == -32 and W.grad == -32 and kept == -32",
    ),
    "the gradient of an argument, zeroed": (
        "def forget(W):\n    W.grad = None\ndef clear(W):\n    W.grad.zero_()\ndef update(W):\n    import torch\n    with torch.no_grad():\n        W -= 0.5 * W.grad",
        "import torch\nW = torch.tensor([3.], requires_grad=True)\n(W * 4).backward()\nupdate(W)\nassert W == 1 and W.grad == 4\n"
        "clear(W)\nassert W.grad == 0 and W.is_leaf and W.requires_grad\nforget(W)\nassert W.grad is None",
    ),
    "arguments keep what they are": (
        "def what(t):\n    return t.is_leaf, t.requires_grad",
        "import torch\np = torch.ones(2, requires_grad=True)\nassert what(p) == (True, True) and what(p * 2) == (False, True)\n"
        "assert what(torch.ones(1)) == (True, False)\nwith torch.no_grad():\n    assert what(p) == (True, True)",
    ),
    "a leaf changed within one expression": (
        _MODEL,
        "import torch\nfrom torch import nn\nnn.init.ones_(model.first.weight)\nnn.init.zeros_(model.first.bias)\nmodel.last.weight.data.fill_(2.0)\n"
        "assert model(torch.ones(1, 3)).item() == 24.0 and (model.last.weight == 2).all()",
    ),
    "a function of torch's as an argument": (
        "def apply(g, x):\n    return g(x) * 2",
        "import torch\nx = torch.tensor([-1.0, 3.0], requires_grad=True)\ny = apply(torch.relu, x)\ny.sum().backward()\n"
        "assert y.tolist() == [0.0, 6.0] and x.grad.tolist() == [0.0, 2.0]\nassert apply(abs, -2) == 4 and apply(torch.nn.functional.relu, x)[1] == 6",
    ),
    "is it defined": (
        "x = 3\ndef f(): pass",
        "assert 'x' in globals() and 'f' in locals() and 'nothing' not in globals()\n"
        "assert globals().get('x') == 3 and globals().get('nothing', 7) == 7 and callable(globals()['f'])",
    ),
    "classes by name": (
        "from torch import nn\nclass Mine:\n    pass\nnet = nn.Sequential(nn.Linear(1, 2), nn.ReLU())\nm = Mine()",
        "assert [type(layer).__name__ for layer in net] == ['Linear', 'ReLU']\nassert type(m).__name__ == m.__class__.__name__ == 'Mine'",
    ),
    "no_grad": (
        "import torch\nW = torch.ones(1, requires_grad=True)\ndef f(x):\n    return W * x",
        "import torch\nwith torch.no_grad():\n    assert not f(2.0).requires_grad\nassert f(2.0).requires_grad",
    ),
    "a module": (
        _MODEL,
        "import torch\nfrom torch import nn\nassert isinstance(model, nn.Module)\ny = model(torch.ones(2, 3))\nassert y.shape == (2, 1)\n"
        "y.sum().backward()\nassert model.last.weight.grad.shape == (1, 4)\nassert sum(p.numel() for p in model.parameters()) == 20\n"
        "assert dict(model.named_parameters()).keys() >= {'first.weight'}",
    ),
    "a training step": (
        _MODEL,
        "import torch\nbefore = model.last.weight.detach().clone()\nopt.zero_grad()\n((model(torch.ones(2, 3)) - 1) ** 2).mean().backward()\n"
        "opt.step()\nassert not torch.equal(before, model.last.weight)",
    ),
    "an instance made by the test": (_MODEL, "net = Net(width=2)\nassert net.first.weight.shape == (2, 3)"),
    "a tensor fetched twice is one": ("import torch\nt = torch.ones(1)", "import torch\nassert t is t\nt += 1\nassert t == 2"),
    "a generator": ("def g(n):\n    yield from range(n)", "assert list(g(3)) == [0, 1, 2]\nassert [x for x in g(0)] == []"),
    "an instance with operators": (
        "class V:\n    def __init__(self, x): self.x = x\n    def __add__(self, o): return V(self.x + o.x)\n"
        "    def __len__(self): return 3\n    def __getitem__(self, i): return i * 2\n    def __repr__(self): return f'V({self.x})'",
        "v = V(1) + V(2)\nassert v.x == 3 and len(v) == 3 and v[4] == 8 and repr(v) == 'V(3)'",
    ),
    "exceptions keep their type": (
        "class Mine(KeyError): pass\ndef f(x):\n    if x < 0: raise ValueError('negative')\n    raise Mine('k')",
        "try:\n    f(-1)\nexcept ValueError as e:\n    assert 'negative' in str(e)\nelse:\n    assert False\n"
        "try:\n    f(1)\nexcept KeyError as e:\n    assert type(e).__name__ == 'Mine'",
    ),
    "prints are captured": (
        "def hello():\n    print('hi there')",
        "import io, contextlib\nbuffer = io.StringIO()\nwith contextlib.redirect_stdout(buffer):\n    hello()\nassert buffer.getvalue() == 'hi there\\n'",
    ),
    "a seed reaches the student's generator": (
        "import torch\ndef draw():\n    return torch.randn(3)",
        "import torch\ntorch.manual_seed(5)\na = draw()\ntorch.manual_seed(5)\nassert torch.equal(a, draw())",
    ),
    "numpy": (
        "import numpy as np\ndef f(a):\n    return a @ a.T",
        "import numpy as np\nnp.testing.assert_allclose(f(np.eye(2)), np.eye(2))",
    ),
    "the names that everybody imports": ("import numpy as np\nimport torch\nx = np.ones(2)", "assert np.allclose(x, 1) and torch.ones(1) == 1"),
    "docstring and name": ("def f():\n    'Says it.'", "assert f.__name__ == 'f' and f.__doc__ == 'Says it.' and callable(f)"),
    "unittest": (
        "def f(x):\n    return x + 1",
        "import unittest\nclass T(unittest.TestCase):\n    def test_f(self):\n        self.assertEqual(f(1), 2)\n"
        "r = unittest.TextTestRunner().run(unittest.defaultTestLoader.loadTestsFromTestCase(T))\nassert r.wasSuccessful()",
    ),
    "torch.testing": (
        "import torch\ndef f(x):\n    return x * 2",
        "import torch\ntorch.testing.assert_close(f(torch.ones(2)), torch.full((2,), 2.0))",
    ),
    "magics, shell and await in the student's cell": (
        "import asyncio\nx = 1\n!echo shell\nawait asyncio.sleep(0)\ny = 2",
        "assert x == 1 and y == 2",
    ),
    "a timed cell": ("%%time\nx = 1\n%timeit -n1 -r1 sum(range(3))", "assert x == 1"),
    "mixed precision of plain numbers": ("big = 10 ** 30\nnan = float('nan')", "import math\nassert big == 10 ** 30 and math.isnan(nan)"),
    "the graph, by next_functions": (
        "import torch\na = torch.tensor(2., requires_grad=True)\nb = a * 3\nz = (b + 1).exp()",
        "import torch\nnode = z.grad_fn\nnames = []\nwhile node is not None:\n    names.append(type(node).__name__)\n"
        "    last, node = node, node.next_functions[0][0] if node.next_functions else None\n"
        "assert names == ['ExpBackward0', 'AddBackward0', 'MulBackward0', 'AccumulateGrad'] and last.variable is a\n"
        "z.backward()\nassert a.grad is not None",
    ),
    "the gradient of nothing": ("def f(x):\n    return x * 2", "import torch\nx = torch.ones(0, requires_grad=True)\nf(x).sum().backward()\nassert x.grad.shape == (0,)"),
    "grad_fn by name": (
        "import torch\na = torch.tensor(2., requires_grad=True)\nz = a * 3",
        "assert type(z.grad_fn).__name__ == 'MulBackward0' and z.grad_fn.name() == 'MulBackward0'",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", IDIOMS)
def test_a_right_solution_passes_and_nothing_else(grade: Grade, name: str) -> None:
    assert_right_and_wrong(grade, IDIOMS[name])


def test_what_cannot_be_sent_is_no_fault_of_the_students(grade: Grade) -> None:
    report = grade(("student", "def size(f):\n    return 3"), ("test", "import sys\nassert size(sys) == 3"))
    assert (report.outcome, report.of(1).score) == (Outcome.GRADER_ERROR, None)  # type: ignore[union-attr]
    assert "hands a module of its own" in report.message
    assert "in-student-process" in report.message
    lie = "class CannotSend(TypeError): pass\ndef apply(g, x):\n    raise CannotSend"
    report = grade(("student", lie), ("test", "assert apply(1, 1) == 2"))
    assert (report.outcome, report.of(1).score) == (Outcome.ERROR, 0.0)  # type: ignore[union-attr]
