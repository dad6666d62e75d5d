"""Kernels of other names and languages: Python is graded by the engine; what cannot be run is refused and says why."""

from __future__ import annotations

from typing import Any

import nbformat
import pytest

from graders.nbgrader_plugin.autograde import grade_assignment

from .conftest import School, check, notebook, solution

pytestmark = [pytest.mark.e2e, pytest.mark.slow, pytest.mark.sandbox]


def _course(school: School, **kernels: dict[str, str] | None) -> None:
    """An assignment "two" with a notebook for each kernelspec."""
    folder = school.folder / "source" / "two"
    folder.mkdir()
    for name, kernelspec in kernels.items():
        nb = notebook([solution("q", "x = 0"), check("t", 2, "assert x == 1")])
        nb.metadata = nbformat.from_dict({} if kernelspec is None else {"kernelspec": kernelspec})
        nbformat.write(nb, folder / f"{name}.ipynb")
    with (school.folder / "nbgrader_config.py").open("a") as config:
        config.write("c.ClearSolutions.code_stub = {'R': 'pass', 'python': 'pass', 'Python': 'pass'}\n")
    done = school.nbgrader("generate_assignment", "two", "--IncludeHeaderFooter.enabled=False")
    assert done.returncode == 0, done.stderr


def _answer(school: School, name: str, **metadata: Any) -> Any:
    nb = school.released("two", name)
    nb["cells"][0]["source"] = "x = 1"
    nb["metadata"].update(metadata)
    return nb


MY_ENV = {"name": "my-env", "display_name": "Python (my-env)", "language": "python"}
CAPITAL = {"name": "conda-env-x-py", "display_name": "Python [conda env:x]", "language": "Python"}
R = {"name": "no-such-ir", "display_name": "R", "language": "R"}


def test_python_is_graded_by_the_engine_whatever_its_kernel_is_called(school: School) -> None:
    _course(school, one=MY_ENV, other=CAPITAL)
    for name in ("one", "other"):
        school.hand_in("ada", _answer(school, name), "two", name)
    done = school.nbgrader("autograde", "two")
    assert done.returncode == 0, done.stderr
    assert school.scores("two") == {"ada": 4.0}
    for name in ("one", "other"):
        graded = nbformat.read(school.folder / "autograded" / "ada" / "two" / f"{name}.ipynb", as_version=4)
        assert graded.metadata["torchmagic"]["by"] == "engine"


def test_a_kernel_that_is_not_installed_is_named_and_nothing_is_lost(school: School) -> None:
    """Who handed in only what can be run is graded; the others keep what the gradebook held before."""
    _course(school, python=MY_ENV, stats=R)
    school.hand_in("ada", _answer(school, "python"), "two", "python")
    school.hand_in("bob", _answer(school, "python"), "two", "python")
    path = school.hand_in("bob", _answer(school, "stats"), "two", "stats")
    before = path.read_bytes()
    rows = {row.student: row for row in grade_assignment(school.folder, "two")}
    assert (rows["ada"].score, rows["ada"].outcome) == (2.0, "passed")
    assert rows["bob"].outcome == "grader error"
    for what in ("stats.ipynb", "no-such-ir", "install"):
        assert what in rows["bob"].message
    assert path.read_bytes() == before
    assert not (school.folder / "autograded" / "bob").exists() or not list(
        (school.folder / "autograded").glob("bob/*/*")
    )
    done = school.nbgrader("autograde", "two", "--force")
    assert done.returncode != 0
    assert "no-such-ir" in done.stderr
    assert school.scores("two")["ada"] == 2.0


def test_a_submission_does_not_choose_to_run_without_walls(school: School) -> None:
    """The assignment names no kernel; one submission claims another language, which would run beside the grader."""
    _course(school, plain=None)
    bash = {"name": "python3", "display_name": "R", "language": "R"}
    school.hand_in("ada", _answer(school, "plain"), "two", "plain")
    school.hand_in("eve", _answer(school, "plain", kernelspec=bash), "two", "plain")
    school.hand_in("zoe", _answer(school, "plain", kernelspec=MY_ENV), "two", "plain")
    done = school.nbgrader("autograde", "two")
    assert done.returncode != 0
    assert "names no kernel" in done.stderr
    rows = {row.student: row for row in grade_assignment(school.folder, "two")}
    assert (rows["ada"].score, rows["zoe"].score) == (2.0, 2.0)
    assert rows["eve"].outcome == "grader error"
    assert not rows["eve"].score


def test_another_assignments_notebook_under_this_ones_name_is_refused_and_says_so(school: School) -> None:
    _course(school, python=MY_ENV)
    wrong = school.released("ps1")
    school.hand_in("ada", wrong, "two", "python")
    school.hand_in("zoe", _answer(school, "python"), "two", "python")
    rows = {row.student: row for row in grade_assignment(school.folder, "two")}
    assert (rows["zoe"].score, rows["zoe"].outcome) == (2.0, "passed")
    assert rows["ada"].outcome == "unreadable"
    assert "python.ipynb" in rows["ada"].message
    assert not rows["ada"].score
