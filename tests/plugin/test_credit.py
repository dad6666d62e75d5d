"""The score of a grade cell is finite and within its points, whatever its last value is and whoever ran it."""

from __future__ import annotations

import copy
import json
import math
import sys
from pathlib import Path
from typing import Any

import nbformat
import pytest
from hypothesis import given
from hypothesis import strategies as st
from nbformat.v4 import new_code_cell, new_output
from nbgrader.api import Gradebook

from graders.nbgrader_plugin.scores import partial_credit, score_of_outputs

from .conftest import School, check, meta, notebook, solution

#: Test cells worth 2 points that end with such a value, and what they give.
VALUES = {
    "half": ("0.5", 0.5),
    "all": ("2", 2.0),
    "nan": ("float('nan')", 0.0),
    "negative": ("-1", 0.0),
    "minus-infinity": ("float('-inf')", 0.0),
    "infinity": ("float('inf')", 2.0),
    "too-large": ("1000", 2.0),
    "far-too-large": ("10 ** 400", 2.0),
    # as in plain nbgrader, a last value that is no number counts as full marks: nothing was raised
    "text": ("'no number'", 2.0),
    "number-as-text": ("'0.5'", 2.0),
    "truth": ("False", 2.0),
    "nothing": ("None", 2.0),
    "a-list": ("[0.5]", 2.0),
    "stderr": ("import sys\nprint('a warning', file=sys.stderr)", 2.0),
    "stderr-and-half": ("import warnings\nwarnings.warn('beware')\n0.5", 0.5),
}


def _credit_course(school: School, kernelspec: dict[str, str] | None = None) -> None:
    cells = [solution("q", "### BEGIN SOLUTION\nx = 1\n### END SOLUTION")]
    cells += [check(name, 2, source) for name, (source, _) in VALUES.items()]
    nb = notebook(cells)
    if kernelspec is not None:
        nb.metadata["kernelspec"] = kernelspec
    folder = school.folder / "source" / "credit"
    folder.mkdir()
    nbformat.write(nb, folder / "credit.ipynb")
    done = school.nbgrader("generate_assignment", "credit")
    assert done.returncode == 0, done.stderr


def _scores(school: School, student: str) -> dict[str, float]:
    with Gradebook(f"sqlite:///{school.folder}/gradebook.db", "abc") as gradebook:
        (entry,) = gradebook.find_submission("credit", student).notebooks
        return {grade.name: grade.score for grade in entry.grades}


@pytest.mark.e2e
@pytest.mark.slow
@pytest.mark.sandbox
def test_any_last_value_gives_points_within_what_there_is(school: School) -> None:
    _credit_course(school)
    school.hand_in("ada", school.answers({"q": "x = 1"}, "credit"), "credit")
    done = school.nbgrader("autograde", "credit")
    assert done.returncode == 0, done.stderr
    assert _scores(school, "ada") == {name: score for name, (_, score) in VALUES.items()}


def install_kernel(folder: Path, name: str, language: str) -> None:
    """A kernel that calls its language something else, and is Python."""
    spec = folder / "kernels" / name
    spec.mkdir(parents=True)
    argv = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    (spec / "kernel.json").write_text(json.dumps({"argv": argv, "display_name": name, "language": language}))


@pytest.mark.e2e
@pytest.mark.slow
@pytest.mark.sandbox
def test_other_languages_are_run_by_their_kernel_and_give_points_within_what_there_is(
    school: School, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """nbgrader's own rule stops at the first too large value, and gives full marks for nan and for less than 0."""
    install_kernel(tmp_path / "jupyter", "toy", "toylang")
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path / "jupyter"))
    with (school.folder / "nbgrader_config.py").open("a") as config:
        config.write("c.ClearSolutions.code_stub = {'toylang': 'pass', 'python': 'pass'}\n")
    _credit_course(school, {"name": "toy", "display_name": "Toy", "language": "toylang"})
    school.hand_in("ada", school.answers({"q": "x = 1"}, "credit"), "credit")
    done = school.nbgrader("autograde", "credit")
    assert done.returncode == 0, done.stderr
    assert "no walls" in done.stderr
    wanted = {name: score for name, (_, score) in VALUES.items()}
    wanted.update({"stderr": 0.0, "stderr-and-half": 0.0})  # some kernels report errors nowhere else
    assert _scores(school, "ada") == wanted
    stamp = school.autograded("ada", "credit").metadata["torchmagic"]
    assert (stamp["by"], stamp["outcome"]) == ("nbgrader", "failed")


def _graded(outputs: list[Any]) -> Any:
    return new_code_cell("1", metadata=meta("t", grade=True, locked=True, points=2.0), outputs=copy.deepcopy(outputs))


@given(st.text() | st.floats().map(repr) | st.integers().map(str), st.floats(0, 100))
def test_displayed_credit_is_finite_and_within_the_points(shown: str, points: float) -> None:
    score = partial_credit(shown, points)
    assert math.isfinite(score)
    assert 0.0 <= score <= points


def test_the_first_displayed_value_counts_and_an_error_before_it_is_worth_nothing() -> None:
    value = new_output("execute_result", data={"text/plain": "0.5"}, execution_count=1)
    picture = new_output("execute_result", data={"image/png": "…"}, execution_count=1)
    error = new_output("error", ename="E", evalue="", traceback=[])
    assert score_of_outputs(_graded([value, error])) == 0.5
    assert score_of_outputs(_graded([error, value])) == 0.0
    assert score_of_outputs(_graded([picture])) == 2.0
    assert score_of_outputs(_graded([])) == 2.0
