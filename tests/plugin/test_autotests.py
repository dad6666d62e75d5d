"""nbgrader's own autotests, plain and hashed, as `nbgrader generate_assignment` writes them, score as in one process."""

from __future__ import annotations

import shutil
from pathlib import Path

import nbformat
import nbgrader.tests.apps
import pytest

from tests.plugin.conftest import ONE_LINE, School, check, notebook, solution

pytestmark = [pytest.mark.sandbox, pytest.mark.slow]

_SOLUTION = """### BEGIN SOLUTION
import numpy as np
import torch
a = 5
b = "hello"
c = [1, 2, "test"]
d = {"a": "f", 3: [1.2, 3]}
e = (5, -3.3, "d")
f = False
g = 2.5
t = torch.arange(6.0).reshape(2, 3)
w = torch.tensor([1.0, 2.0], requires_grad=True)
loss = (w * w).sum()
m = np.eye(2)
net = torch.nn.Linear(2, 1)
def fun(x):
    if x < 0:
        raise ValueError
    return x
### END SOLUTION"""
_THROWS = (
    "def throws(func, kind):\n    try:\n        func()\n    except kind:\n        return True\n    return False\n"
    "### {mark} throws(lambda: fun(-4), ValueError); throws(lambda: fun(0), ValueError); fun(3)"
)
_ASKED = "### {mark} a; b; c; d; e; f; g; m; t; t.shape; loss; w.requires_grad; type(fun); type(net); w + 1"
_WRONG = _SOLUTION.replace("a = 5", "a = 6").replace("requires_grad=True", "").replace("if x < 0", "if x < -9")


@pytest.fixture(scope="module", params=["AUTOTEST", "HASHED AUTOTEST"])
def tested(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> School:
    folder = tmp_path_factory.mktemp("autotests") / "course"
    (folder / "source" / "ps1").mkdir(parents=True)
    rules = Path(nbgrader.tests.apps.__file__).parent / "files" / "autotests.yml"
    shutil.copy(rules, folder / "source" / "ps1" / "autotests.yml")
    (folder / "nbgrader_config.py").write_text(f"c = get_config()\n{ONE_LINE}")
    cells = [
        solution("answers", _SOLUTION),
        check("values", 4, _ASKED.format(mark=request.param)),
        check("errors", 2, _THROWS.format(mark=request.param)),
    ]
    nbformat.write(notebook(cells), folder / "source" / "ps1" / "ps1.ipynb")
    school = School(folder)
    done = school.nbgrader("generate_assignment", "ps1")
    assert done.returncode == 0, done.stderr
    assert "assert" in "".join(school.released()["cells"][1]["source"]), "the autotests were not written out"
    return school


def test_autotests_score_as_in_one_process(tested: School) -> None:
    right = "\n".join(line for line in _SOLUTION.splitlines() if "###" not in line)
    wrong = "\n".join(line for line in _WRONG.splitlines() if "###" not in line)
    tested.hand_in("ada", tested.answers({"answers": right}))
    tested.hand_in("bob", tested.answers({"answers": wrong}))
    done = tested.nbgrader("autograde", "ps1")
    assert done.returncode == 0, done.stderr
    assert tested.scores() == {"ada": 6.0, "bob": 0.0}
