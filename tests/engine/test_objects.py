"""A student's functions, classes and instances answer a test as they would in one process."""

from __future__ import annotations

import pytest

from tests.engine.conftest import Grade, Idiom, assert_right_and_wrong

pytestmark = pytest.mark.sandbox

OBJECTS: dict[str, Idiom] = {
    "objects compared with each other": (
        "class P:\n    def __init__(self, x): self.x = x\n    def __eq__(self, o): return self.x == o.x\n    def __lt__(self, o): return self.x < o.x\n    def __hash__(self): return hash(self.x)",
        "assert P(1) == P(1) and P(1) != P(2) and P(1) < P(2) and sorted([P(2), P(1)])[0].x == 1 and len({P(1), P(1), P(2)}) == 2",
    ),
    "identity": ("class N: pass\nn = N()\ndef same():\n    return n", "assert same() is n and n is n"),
    "isinstance of a class of the student's": (
        "class A: pass\nclass B(A): pass\nb = B()",
        "assert isinstance(b, B) and isinstance(b, A) and issubclass(B, A) and not issubclass(A, B) and not isinstance(3, A)",
    ),
    "subclass of torch's": (
        "from torch import nn\nclass Net(nn.Module):\n    pass\nnet = Net()",
        "from torch import nn\nassert issubclass(Net, nn.Module) and isinstance(net, nn.Module) and isinstance(net, Net) and net.__class__.__name__ == 'Net'",
    ),
    "exact types": (
        "from torch import nn\nnet = nn.Sequential(nn.Linear(1, 2), nn.ReLU())\ndef f(): pass",
        "from torch import nn\nassert type(net[0]) is nn.Linear and type(net[1]) == nn.ReLU and type(net) is not nn.Linear\n"
        "assert isinstance(nn.Linear, type) and type(3) is int and str(type(f)) == \"<class 'function'>\" and type('N', (), {}).__name__ == 'N'",
    ),
    "a metaclass of the test's": (
        "class A: pass",
        "class Meta(type):\n    def __call__(cls, *a):\n        return 7\nclass B(metaclass=Meta): pass\nassert B() == 7 and type(B) is Meta and isinstance(B, type) and type(A()).__name__ == 'A'",
    ),
    "signature": (
        "def f(a, b=2, *args, c: int = 3, **kw) -> float:\n    return a",
        "import inspect\ns = inspect.signature(f)\nassert list(s.parameters) == ['a', 'b', 'args', 'c', 'kw'] and s.parameters['b'].default == 2\n"
        "assert s.parameters['c'].annotation is int and s.return_annotation is float\nassert str(inspect.signature(lambda: 0)) == '()'",
    ),
    "signature of a method and a class": (
        "class A:\n    def __init__(self, x, y=1): pass\n    def m(self, z): pass",
        "import inspect\nassert list(inspect.signature(A).parameters) == ['x', 'y'] and list(inspect.signature(A(1).m).parameters) == ['z']",
    ),
    "source": (
        "def f(x):\n    total = 0\n    for v in x:\n        total += v\n    return total",
        "import inspect, ast\ntext = inspect.getsource(f)\nassert 'for v in x' in text and 'sum(' not in text\n"
        "assert any(isinstance(n, ast.For) for n in ast.walk(ast.parse(text)))\nassert f.__code__.co_varnames == ('x', 'total', 'v')",
    ),
    "source of a method": (
        "class A:\n    def m(self):\n        return 41 + 1",
        "import inspect\nassert '41 + 1' in inspect.getsource(A.m) and '41' in inspect.getsource(A().m)",
    ),
    "deepcopy": (
        "from torch import nn\nnet = nn.Linear(2, 1)",
        "import copy, torch\nother = copy.deepcopy(net)\nwith torch.no_grad():\n    other.weight.fill_(7.0)\nassert (other.weight == 7).all() and not (net.weight == 7).any()",
    ),
    "the student's own exception": (
        "class TooBig(Exception):\n    def __init__(self, size):\n        super().__init__(f'{size} is too big')\n        self.size = size\ndef f(n):\n    raise TooBig(n)",
        "import pytest\nwith pytest.raises(TooBig) as caught:\n    f(7)\nassert caught.value.size == 7 and str(caught.value) == '7 is too big'\n"
        "try:\n    f(1)\nexcept TooBig as e:\n    assert type(e).__name__ == 'TooBig'\nassert issubclass(TooBig, Exception)",
    ),
    "a derived exception of the student's": (
        "class Mine(ValueError): pass\ndef f(): raise Mine('no')",
        "import pytest\nwith pytest.raises(ValueError, match='no'):\n    f()\nwith pytest.raises(Mine):\n    f()\nassert issubclass(Mine, ValueError)",
    ),
    "a context manager": (
        "log = []\nclass Timer:\n    def __enter__(self):\n        log.append('in')\n        return self\n    def __exit__(self, *exc):\n        log.append(exc[0].__name__ if exc[0] else 'out')\n        return exc[0] is ValueError",
        "with Timer() as t:\n    pass\nassert log == ['in', 'out']\nwith Timer():\n    raise ValueError('swallowed')\nassert log[-1] == 'ValueError'\n"
        "import pytest\nwith pytest.raises(KeyError):\n    with Timer():\n        raise KeyError('not swallowed')",
    ),
    "contextlib": (
        "from contextlib import contextmanager\nstate = {'on': False}\n@contextmanager\ndef switched():\n    state['on'] = True\n    try:\n        yield 5\n    finally:\n        state['on'] = False",
        "with switched() as five:\n    assert five == 5 and state['on']\nassert not state['on']",
    ),
    "iterators": (
        "class Count:\n    def __init__(self, n): self.n = n\n    def __iter__(self): return self\n    def __next__(self):\n        if self.n <= 0: raise StopIteration\n        self.n -= 1\n        return self.n",
        "assert list(Count(3)) == [2, 1, 0]\nit = iter(Count(1))\nassert next(it) == 0 and next(it, 'end') == 'end'\nimport pytest\nwith pytest.raises(StopIteration):\n    next(it)",
    ),
    "a generator told what to do": (
        "def acc():\n    total = 0\n    while True:\n        total += yield total",
        "g = acc()\nnext(g)\nassert g.send(3) == 3 and g.send(4) == 7\nimport types\nassert isinstance(g, types.GeneratorType)\ng.close()",
    ),
    "properties and static methods": (
        "class C:\n    def __init__(self): self._t = 20\n    @property\n    def t(self): return self._t\n    @t.setter\n    def t(self, v): self._t = v\n    @staticmethod\n    def zero(): return 0\n    @classmethod\n    def make(cls): return cls()",
        "c = C.make()\nc.t = 30\nassert c.t == 30 and C.zero() == 0 and hasattr(c, 't') and not hasattr(c, 'u') and getattr(c, 'u', 5) == 5",
    ),
    "a dataclass": (
        "from dataclasses import dataclass, field\n@dataclass\nclass Pt:\n    x: float\n    y: float = 0.0\n    def norm(self): return (self.x ** 2 + self.y ** 2) ** 0.5",
        "assert Pt(3, 4).norm() == 5 and Pt(1, 2) == Pt(1, 2) and repr(Pt(1)) == 'Pt(x=1, y=0.0)'",
    ),
    "a named tuple": ("from collections import namedtuple\nPt = namedtuple('Pt', 'x y')\np = Pt(1, 2)", "assert p.x == 1 and p == (1, 2) and p._fields == ('x', 'y') and Pt(3, 4).y == 4"),
    "an enum": ("from enum import Enum\nclass C(Enum):\n    RED = 1\n    BLUE = 2\nc = C.RED", "assert c.name == 'RED' and c.value == 1 and C.BLUE.value == 2 and c == C.RED and c is C.RED and [x.name for x in C] == ['RED', 'BLUE']"),
    "functions of functions": ("def compose(f, g):\n    return lambda x: f(g(x))\ndef inc(x): return x + 1\ndef dbl(x): return 2 * x", "assert compose(inc, dbl)(5) == 11 and compose(dbl, inc)(5) == 12"),
    "decorators": ("import functools\ndef twice(f):\n    @functools.wraps(f)\n    def g(*a):\n        return f(f(*a))\n    return g\n@twice\ndef inc(x):\n    'adds'\n    return x + 1", "assert inc(1) == 3 and inc.__name__ == 'inc' and inc.__doc__ == 'adds'"),
    "a scheduler": (
        "import torch\nw = torch.zeros(1, requires_grad=True)\nopt = torch.optim.SGD([w], lr=1.0)\nsched = torch.optim.lr_scheduler.StepLR(opt, 2, 0.1)",
        "import torch\nlrs = []\nfor _ in range(4):\n    lrs.append(round(opt.param_groups[0]['lr'], 6))\n    opt.step()\n    sched.step()\nassert lrs == [1.0, 1.0, 0.1, 0.1]\nassert isinstance(opt, torch.optim.SGD) and isinstance(sched, torch.optim.lr_scheduler.LRScheduler)",
    ),
    "a module's parts": (
        "import torch\nfrom torch import nn\nnet = nn.Sequential(nn.Linear(2, 3), nn.Dropout(0.5), nn.Linear(3, 1))",
        "import torch\nfrom torch import nn\nassert len(net) == 3 and len(list(net.parameters())) == 4 and [n for n, _ in net.named_children()] == ['0', '1', '2']\n"
        "net.eval()\nassert not net.training and torch.equal(net(torch.ones(1, 2)), net(torch.ones(1, 2)))\nsd = net.state_dict()\nassert set(sd) == {'0.weight', '0.bias', '2.weight', '2.bias'}\n"
        "net.load_state_dict({k: torch.zeros_like(v) for k, v in sd.items()})\nassert net(torch.ones(1, 2)).item() == 0\nnet.apply(lambda m: nn.init.ones_(m.weight) if isinstance(m, nn.Linear) else None)\nassert net(torch.ones(1, 2)).item() == 6",
    ),
    "a hook of the test's": (
        "import torch\nfrom torch import nn\nnet = nn.Sequential(nn.Linear(2, 3), nn.ReLU())",
        "import torch\nseen = []\nh = net[1].register_forward_hook(lambda m, i, o: seen.append(tuple(o.shape)))\nnet(torch.ones(4, 2))\nh.remove()\nnet(torch.ones(4, 2))\nassert seen == [(4, 3)]",
    ),
    "a dataset and a loader of the student's": (
        "import torch\nfrom torch.utils.data import Dataset, DataLoader\nclass Squares(Dataset):\n    def __len__(self): return 5\n    def __getitem__(self, i):\n        if i >= 5: raise IndexError\n        return torch.tensor(float(i)), torch.tensor(float(i * i))\nloader = DataLoader(Squares(), batch_size=2)",
        "import torch\nfrom torch.utils.data import Dataset, DataLoader\nd = Squares()\nassert isinstance(d, Dataset) and len(d) == 5 and d[2][1] == 4\nxs = [x for x, y in loader]\nassert [len(x) for x in xs] == [2, 2, 1] and len(loader) == 3\n"
        "assert isinstance(loader, DataLoader) and loader.batch_size == 2",
    ),
    "torch functions by name": ("import torch\nact = torch.relu\nkinds = [torch.float32, torch.device('cpu')]", "import torch\nassert act(torch.tensor(-1.0)) == 0 and act is torch.relu and kinds[0] is torch.float32 and kinds[1].type == 'cpu'"),
    "classes as values": ("import torch\nfrom torch import nn\nLayer = nn.Linear\nkind = float", "import torch\nfrom torch import nn\nassert Layer is nn.Linear and kind is float and Layer(2, 3)(torch.ones(1, 2)).shape == (1, 3)"),
    "dictionary of functions": ("ops = {'+': lambda a, b: a + b, '-': lambda a, b: a - b}", "assert ops['+'](1, 2) == 3 and ops['-'](1, 2) == -1 and set(ops) == {'+', '-'}"),
    "coroutines": ("import asyncio\nasync def fetch(x):\n    await asyncio.sleep(0)\n    return x + 1\ndef run(x):\n    return asyncio.run(fetch(x))", "assert run(1) == 2\nimport inspect"),
    "async called by the test": ("async def fetch(x):\n    return x + 1", "import asyncio, inspect\nassert inspect.iscoroutinefunction(fetch) and asyncio.run(fetch(1)) == 2"),
    "string methods": ("class W:\n    def __str__(self): return 'w!'\n    def __format__(self, s): return 'f' + s\n    def __len__(self): return 4\nw = W()", "assert str(w) == 'w!' and f'{w}'.startswith(('f', 'w')) and len(w) == 4"),
    "operators with the test's number": ("class V:\n    def __init__(self, x): self.x = x\n    def __mul__(self, k): return V(self.x * k)\n    def __rmul__(self, k): return V(self.x * k)\n    def __add__(self, o): return V(self.x + o)", "assert (V(2) * 3).x == 6 and (3 * V(2)).x == 6 and (V(2) + 1).x == 3"),
}  # fmt: skip


@pytest.mark.parametrize("name", OBJECTS)
def test_a_right_solution_passes_and_nothing_else(grade: Grade, name: str) -> None:
    assert_right_and_wrong(grade, OBJECTS[name])
