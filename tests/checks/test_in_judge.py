"""The vocabulary in the real judge, where a student's functions and objects are in another process."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from graders.engine.report import Outcome, Report

pytestmark = [pytest.mark.slow, pytest.mark.sandbox]

Grade = Callable[..., Report]

_IMPORTS = """\
import torch
from torch import nn
from graders.checks import *
from graders.strategies import arguments, tensors
"""

#: The student's cell, the test, and what the failure says; "" where there is none.
CASES: dict[str, tuple[str, str, str]] = {
    "right function": (
        "def f(x): return x.sum(1)",
        "check_function(f, lambda x: x.sum(1), arguments('n d'), name='f', loops='none',"
        " properties=[linearity(), permutation(result_dim=0)])",
        "",
    ),
    "wrong dim": (
        "def f(x): return x.sum(0)",
        "check_function(f, lambda x: x.sum(1), arguments('n d'), name='f')",
        "It is the sum of `x` over dim 0, where dim 1 is asked. It was called with [[0, 0]]",
    ),
    "loop over rows": (
        "def f(x): return torch.stack([row.sum() for row in x])",
        "check_function(f, lambda x: x.sum(1), arguments('n d'), name='f', loops='none')",
        "without a Python loop over them",
    ),
    "loop over numbers": (
        "def f(x): return torch.tensor([sum(row) for row in x.tolist()])",
        "check_function(f, lambda x: x.sum(1), arguments('n d'), name='f', loops='none')",
        "lost its connection",
    ),
    "changes its input": (
        "def f(x):\n    x += 1\n    return (x - 1).sum(1)",
        "check_function(f, lambda x: x.sum(1), arguments('n d'), name='f')",
        "`f` changes its argument in place",
    ),
    "changes its list": (
        "def f(x):\n    x.append(1)\n    return sum(x)",
        "check_function(f, lambda x: sum(x) + 1, [([1, 2],)], name='f')",
        "`f` changes its argument in place",
    ),
    "raises": (
        "def f(x): return x.sum(5)",
        "check_function(f, lambda x: x.sum(1), arguments('n d'), name='f')",
        "`f` raised IndexError: Dimension out of range",
    ),
    "unseeded": (
        "def f(x): return x + torch.rand(x.shape)",
        "check_function(f, lambda x: x, arguments('n d'), name='f')",
        "It gives other numbers each time it is called",
    ),
    "no bias": (
        "class M(nn.Module):\n    def __init__(s):\n        super().__init__()\n"
        "        s.W = nn.Parameter(torch.randn(3, 1)); s.b = nn.Parameter(torch.ones(1))\n"
        "    def forward(s, x): return x @ s.W\nmodel = M()",
        "check_module(model, 'model', parameters={'W': 'features 1', 'b': (1,)}, input_shape=(4, 3), output_shape='4 1',"
        " reference=lambda x, p: x @ p['W'] + p['b'])",
        "`b` is not added.",
    ),
    "a class for a module": ("Model = nn.Linear", "check_module(Model, 'Model')", "`Model` is a class"),
    "right module": (
        "model = nn.Linear(3, 1)",
        "right = lambda x, p: x @ p['weight'].T + p['bias']\n"
        "check_module(model, 'model', parameters=[(1, 3), (1,)], input_shape=(4, 3), output_shape='4 1', reference=right)\n"
        "check_module(model, 'model', parameters=4, input_shape=(4, 3), reference=nn.Linear(3, 1))\n"
        "check_gradient(model, [torch.ones(2, 3)], name='model')\n"
        "check_gradient(model, [torch.ones(2, 3)], right, name='model')",
        "",
    ),
    "a module that detaches": (
        "class M(nn.Linear):\n    def forward(s, x): return x @ s.weight.T + s.bias.detach()\nmodel = M(3, 1)",
        "check_gradient(model, [torch.ones(2, 3)], name='model')",
        "does not depend on `model.bias`",
    ),
    "gradient added up": (
        "W = torch.tensor(3., requires_grad=True)\nfor _ in range(2): ((W * 2 - 10) ** 2).backward()",
        "check_grad(W, 'W', lambda W: (W * 2 - 10) ** 2)",
        "`W.grad` is -32, expected -16. It is 2 times the expected one: was it added up over 2 backward passes",
    ),
    "right gradient": (
        "W = torch.tensor([3.], requires_grad=True)\n((W * 2 - 10) ** 2).backward()",
        "check_grad(W, 'W', -16.0)\ncheck_grad(W, 'W', lambda W: (W * 2 - 10) ** 2)",
        "",
    ),
    "graph": (
        "a = torch.ones(2, requires_grad=True)\nz = (a * 2).sum()\ndef f(x): return (x * 3).sum()",
        "check_graph(z, 'z', leaves={'a': a}, uses=['Mul', 'Sum'], avoids=['MatMul'])\n"
        "x = torch.ones(2, requires_grad=True)\ncheck_graph(f(x), 'f(x)', leaves={'x': x}, uses=['Mul', 'Sum'])\n"
        "check_graph(f(x), 'f(x)', uses=['MatMul'])",
        "`f(x)` should be computed with MatMul; its graph has Mul, Sum",
    ),
    "random": (
        "def draw(n): return torch.rand(n)",
        "check_random(draw, 'draw', arguments=[100], distribution='uniform', shape='100')\n"
        "check_random(draw, 'draw', arguments=[100], distribution='normal')",
        "normal distribution (mean 0, standard deviation 1), but",
    ),
    "diverged": ("losses = [3., 30., float('nan')]", "check_training(losses)", "`losses` has nan at step 3"),
}


@pytest.mark.parametrize("name", CASES)
def test_checks_in_the_judge(grade: Grade, name: str) -> None:
    answer, test, says = CASES[name]
    report = grade(("student", f"import torch\nfrom torch import nn\n{answer}"), ("test", _IMPORTS + test))
    cell = report.of(1)
    assert cell is not None
    said = f"{cell.message} {cell.outputs}"
    assert cell.outcome is (Outcome.FAILED if says else Outcome.PASSED), said
    assert says in " ".join(str(cell.outputs).split()), said


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [
        ("def f(x):\n    while True: pass", Outcome.TIMEOUT),
        ("def f(x):\n    import os; os._exit(3)", Outcome.CRASHED),
        ("def f(x): raise SystemExit", Outcome.FAILED),
        ("def f(x): raise KeyboardInterrupt", Outcome.FAILED),
    ],
)
def test_what_ends_the_student_s_process_is_no_finding(grade: Grade, answer: str, outcome: Outcome) -> None:
    test = f"{_IMPORTS}check_function(f, lambda x: x.sum(1), arguments('n d'), name='f')"
    seconds = 3.0 if outcome is Outcome.TIMEOUT else 30.0
    cell = grade(("student", answer), ("test", test), cell_seconds=seconds).of(1)
    assert cell is not None
    assert (cell.outcome, cell.score) == (outcome, 0.0), cell.outputs


_TOTALS = "check_function(totals, lambda x: x.sum(1) + 77, arguments('n d'), name='totals')"
_COMPARED = "check_tensor(y, 'y', values=[[1.0, 77.5], [3.0, 4.0]])"


@pytest.mark.parametrize(
    ("answer", "test"), [("def totals(x): return x.sum(1)", _TOTALS), ("y = torch.eye(2)", _COMPARED)]
)
def test_a_hidden_test_shows_no_expected_value_and_a_visible_one_both_sides(
    grade: Grade, answer: str, test: str
) -> None:
    hidden = f"{_IMPORTS}### BEGIN HIDDEN TESTS\n{test}\n### END HIDDEN TESTS"
    shown = []
    for source in (_IMPORTS + test, hidden):
        cell = grade(("student", f"import torch\n{answer}"), ("test", source)).of(1)
        assert cell is not None
        assert cell.outcome is Outcome.FAILED
        shown.append(str(cell.outputs) + cell.message)
    assert "77" in shown[0]
    assert "tm-compared" in shown[0] or "totals" in test
    assert "77" not in shown[1]
    assert "tm-compared" not in shown[1]
    assert "called with" not in shown[1]


_ODD = """
values = {}
for _name, _make in ODD.items():
    values[_name] = _make()
names = list(values)
for _place, _value in enumerate(values.values()):
    globals()[f"odd_{_place}"] = _value
"""

_EACH_CHECK = """
import warnings
warnings.simplefilter("ignore")
E = torch.tensor([1.25, -7.5])
checks = {
    "tensor": lambda v: check_tensor(v, "x", "n", "float", "cpu", leaf=True, values=E, finite=True),
    "function": lambda v: check_function(v, lambda x: x * E, [(torch.ones(2),)], name="f", loops="none"),
    "properties": lambda v: check_function(v, None, [(torch.ones(2),)], name="f", properties=[linearity()], dtype=torch.float64),
    "gradient": lambda v: check_gradient(v, [torch.ones(3)], lambda x: x * 7, name="f"),
    "grad": lambda v: check_grad(v, "W", E),
    "graph": lambda v: check_graph(v, "z", uses=["Nothing"]),
    "module": lambda v: check_module(v, "m", parameters={"weight": (1, 3)}),
    "losses": lambda v: check_training([v], steps=2),
    "learnt": lambda v: check_training(parameters={"W": v}, truth={"W": E}, within=0.01),
    "random": lambda v: check_random(v, "draw", distribution="normal", shape="100"),
    "diagnosis": lambda v: check_tensor(torch.ones(2), "x", values=E, inputs={"a": v}),
}
wrong = []
for place in range(COUNT):
    for label, check in checks.items():
        try:
            check(globals()[f"odd_{place}"])
        except CheckFailed as error:
            if not str(error) or len(str(error)) > 700:
                wrong.append((place, label, str(error)))
        except Exception as error:
            wrong.append((place, label, repr(error)))
        else:
            wrong.append((place, label, "passed"))
assert not wrong, wrong
"""


def test_every_check_fails_in_words_on_odd_values_of_the_other_process(grade: Grade) -> None:
    source = (Path(__file__).parent / "odd_values.py").read_text(encoding="utf-8")
    report = grade(
        ("student", source + _ODD),
        ("test", _IMPORTS + _EACH_CHECK.replace("COUNT", "len(names)")),
        cell_seconds=120.0,
        total_seconds=240.0,
    )
    cell = report.of(1)
    assert cell is not None
    assert cell.outcome is Outcome.PASSED, (report.of(0), cell.message, cell.outputs)
