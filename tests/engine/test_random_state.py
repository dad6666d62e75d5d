"""Random numbers come as in one process, and no submission can choose those that it is tested with."""

from __future__ import annotations

import pytest

from tests.engine.conftest import Grade, Idiom, assert_right_and_wrong

pytestmark = pytest.mark.sandbox

RANDOM: dict[str, Idiom] = {
    "a seed in the student's cell": ("import torch\ntorch.manual_seed(0)\nw = torch.randn(3)", "import torch\ntorch.manual_seed(0)\nassert torch.equal(w, torch.randn(3))"),
    "the test draws on": ("import torch\ndef draw():\n    return torch.randn(3)", "import torch\ntorch.manual_seed(1)\na, b = draw(), torch.randn(3)\ntorch.manual_seed(1)\nassert torch.equal(a, torch.randn(3)) and torch.equal(b, torch.randn(3))"),
    "the student draws on": ("import torch\ndef draw():\n    return torch.rand(3)", "import torch\ntorch.manual_seed(1)\na, b, c = torch.rand(2), draw(), torch.rand(1000)\nd = draw()\ntorch.manual_seed(1)\nassert all(torch.equal(x, torch.rand(len(x))) for x in (a, b, c, d))"),
    "numpy": ("import numpy as np\ndef draw():\n    return np.random.rand(3), np.random.randn(3)", "import numpy as np\nnp.random.seed(1)\na, n = draw()\nb = np.random.rand(3)\nnp.random.seed(1)\nassert np.array_equal(a, np.random.rand(3)) and np.array_equal(n, np.random.randn(3)) and np.array_equal(b, np.random.rand(3))"),
    "python": ("import random\ndef draw():\n    return random.random(), random.gauss(0, 1)", "import random\nrandom.seed(1)\na = draw()\nb = random.random(), random.gauss(0, 1)\nrandom.seed(1)\nassert a == (random.random(), random.gauss(0, 1)) and b == (random.random(), random.gauss(0, 1))"),
    "a seed that the student's function sets": ("import torch\ndef make(seed):\n    torch.manual_seed(seed)\n    return torch.randn(2)", "import torch\na = make(7)\ntorch.manual_seed(7)\nassert torch.equal(a, torch.randn(2))"),
    "default initialisation": ("import torch\nfrom torch import nn\ndef make():\n    return nn.Linear(3, 2)", "import torch\nfrom torch import nn\ntorch.manual_seed(0)\na = make()\ntorch.manual_seed(0)\nb = nn.Linear(3, 2)\nassert torch.equal(a.weight, b.weight) and torch.equal(a.bias, b.bias)"),
    "dropout": ("import torch\ndef drop(x):\n    return torch.nn.functional.dropout(x, 0.5)", "import torch\nx = torch.ones(20)\ntorch.manual_seed(0)\na = drop(x)\ntorch.manual_seed(0)\nassert torch.equal(a, torch.nn.functional.dropout(x, 0.5))"),
}  # fmt: skip


@pytest.mark.parametrize("name", RANDOM)
def test_a_right_solution_passes_and_nothing_else(grade: Grade, name: str) -> None:
    assert_right_and_wrong(grade, RANDOM[name])
