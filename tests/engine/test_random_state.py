"""Random numbers come as in one process, and no submission can choose those that it is tested with."""

from __future__ import annotations

import pytest
import torch

from tests.engine.conftest import Grade, Idiom, assert_right_and_wrong

pytestmark = pytest.mark.sandbox

RANDOM: dict[str, Idiom] = {
    "a seed in the student's cell": ("import torch\ntorch.manual_seed(0)\nw = torch.randn(3)", "import torch\ntorch.manual_seed(0)\nassert torch.equal(w, torch.randn(3))"),
    "the test draws on": ("import torch\ndef draw():\n    return torch.randn(3)", "import torch\ntorch.manual_seed(1)\na, b = draw(), torch.randn(3)\ntorch.manual_seed(1)\nassert torch.equal(a, torch.randn(3)) and torch.equal(b, torch.randn(3))"),
    "the student draws on": ("import torch\ndef draw():\n    return torch.rand(3)", "import torch\ntorch.manual_seed(1)\na, b, c = torch.rand(2), draw(), torch.rand(1000)\nd = draw()\ntorch.manual_seed(1)\nassert all(torch.equal(x, torch.rand(len(x))) for x in (a, b, c, d))"),
    "numpy": ("import numpy as np\ndef draw():\n    return np.random.rand(3), np.random.randn(3)", "import numpy as np\nnp.random.seed(1)\na, n = draw()\nb = np.random.rand(3)\nnp.random.seed(1)\nassert np.array_equal(a, np.random.rand(3)) and np.array_equal(n, np.random.randn(3)) and np.array_equal(b, np.random.rand(3))"),
    "python": ("import random\ndef draw():\n    return random.random(), random.gauss(0, 1)", "import random\nrandom.seed(1)\na = draw()\nb = random.random(), random.gauss(0, 1)\nrandom.seed(1)\nassert a == (random.random(), random.gauss(0, 1)) and b == (random.random(), random.gauss(0, 1))"),
    "a seed that the student's function sets": ("import torch\ndef make(seed):\n    torch.manual_seed(seed)\n    return torch.randn(2)", "import torch\na = make(7)\ntorch.manual_seed(7)\nassert torch.equal(a, torch.randn(2))"),
    "a seed with a name": ("import torch\ndef make(seed):\n    torch.manual_seed(seed)\n    return torch.randn(2)", "import torch\ndata_seed = 7\na, b = make(data_seed), torch.randn(2)\ntorch.manual_seed(data_seed)\nassert torch.equal(a, torch.randn(2)) and torch.equal(b, torch.randn(2))"),
    "a number kept for later, long ago": ("import torch\ndef draw():\n    return torch.randn(11), torch.randn(50)", "import torch\ntorch.manual_seed(7)\ndraw()\na = torch.rand(2)\ntorch.manual_seed(7)\ntorch.randn(11), torch.randn(50)\nassert torch.equal(a, torch.rand(2))"),
    "default initialisation": ("import torch\nfrom torch import nn\ndef make():\n    return nn.Linear(3, 2)", "import torch\nfrom torch import nn\ntorch.manual_seed(0)\na = make()\ntorch.manual_seed(0)\nb = nn.Linear(3, 2)\nassert torch.equal(a.weight, b.weight) and torch.equal(a.bias, b.bias)"),
    "millions of numbers": ("import torch\ndef draw():\n    return torch.randn(3_000_000).mean()", "import torch\ntorch.manual_seed(0)\ndraw()\na = torch.rand(2)\ntorch.manual_seed(0)\ntorch.randn(3_000_000)\nassert torch.equal(a, torch.rand(2))"),
    "dropout": ("import torch\ndef drop(x):\n    return torch.nn.functional.dropout(x, 0.5)", "import torch\nx = torch.ones(20)\ntorch.manual_seed(0)\na = drop(x)\ntorch.manual_seed(0)\nassert torch.equal(a, torch.nn.functional.dropout(x, 0.5))"),
}  # fmt: skip


@pytest.mark.parametrize("name", RANDOM)
def test_a_right_solution_passes_and_nothing_else(grade: Grade, name: str) -> None:
    assert_right_and_wrong(grade, RANDOM[name])


#: Each would let the student know, or choose, the numbers that the test draws next.
CHOSEN = {
    "a seed of their own": "torch.manual_seed(12345)\nnp.random.seed(12345)\nrandom.seed(12345)",
    "a state of nothing": (
        "state = torch.get_rng_state()\nstate[24:24 + 8 * 624] = 0\ntorch.set_rng_state(state)\n"
        "np.random.set_state(('MT19937', np.zeros(624, dtype=np.uint32), 624, 0, 0.0))\n"
        "random.setstate((3, tuple([0] * 624 + [624]), None))"
    ),
    "a normal number kept for later": (
        "np.random.set_state((*np.random.get_state()[:3], 1, 0.25))\nrandom.setstate((*random.getstate()[:2], 0.25))"
    ),
}
_DRAWS = """
import random
import numpy as np
import torch
{seed}
f()
drawn = [torch.rand(4).tolist(), np.random.rand(4).tolist(), [random.random() for _ in range(4)]]
normal = [np.random.randn(), random.gauss(0, 1)]
f()
for of in (12345,):
    torch.manual_seed(of); np.random.seed(of); random.seed(of)
    assert drawn[0] != torch.rand(4).tolist() and drawn[1] != np.random.rand(4).tolist()
    assert drawn[2] != [random.random() for _ in range(4)]
assert all(len(set(numbers)) == 4 for numbers in drawn), drawn
assert 0.25 not in normal
"""


@pytest.mark.parametrize("seed", ["", "torch.manual_seed(0); np.random.seed(0); random.seed(0)"])
@pytest.mark.parametrize("name", CHOSEN)
def test_no_submission_chooses_what_a_test_draws(grade: Grade, name: str, seed: str) -> None:
    attack = "\n    ".join(CHOSEN[name].splitlines())
    solution = f"import random\nimport numpy as np\nimport torch\ndef f():\n    {attack}"
    report = grade(("student", solution), ("test", _DRAWS.format(seed=seed)))
    assert report.of(1).score == 1.0, report  # type: ignore[union-attr]


def test_the_instructors_own_seed_counts_in_the_test_too(grade: Grade) -> None:
    """As in one process: a seed in a read-only cell, draws of the student's, then draws of the test's."""
    expected = torch.Generator().manual_seed(11)
    first, second = torch.rand(3, generator=expected).tolist(), torch.rand(2, generator=expected).tolist()
    report = grade(
        ("provided", "import torch\ntorch.manual_seed(11)"),
        ("student", "w = torch.rand(3)"),
        ("test", f"assert w.tolist() == {first}\nassert torch.rand(2).tolist() == {second}"),
    )
    assert report.of(2).score == 1.0, report  # type: ignore[union-attr]


def test_a_generator_taken_away_costs_no_more_than_itself(grade: Grade) -> None:
    report = grade(
        ("student", "import random\nrandom._inst = 7\ndef f(x):\n    return x + 1"),
        ("test", "import torch\nassert torch.equal(f(torch.ones(3)), torch.full((3,), 2.0))"),
        ("student", "del random._inst"),
        ("test", "assert f(1) == 2"),
    )
    assert [report.of(i).score for i in (1, 3)] == [1.0, 1.0], report  # type: ignore[union-attr]
