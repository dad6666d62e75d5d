"""The judge names the misconception that a check found, of visible and hidden tests, and no student's page holds it."""

from __future__ import annotations

import ast
from pathlib import Path

import nbformat
import pytest

from graders.engine.client import Engine
from graders.engine.report import Cell, CellReport, Submission
from graders.mutants import build_submission, load_mutants
from graders.nbgrader_plugin.execute import read_cells, read_template
from graders.reporting.titles import TITLES
from tests.course.courseware import MUTANTS, SOURCES, release, source

pytestmark = [pytest.mark.slow, pytest.mark.sandbox]

#: Assignment, known solution, the test that it fails, and what the judge calls it.
NAMED = [
    ("backward_pass", "factor-two-forgotten", "bp-test-hand", "The factor 2 from the square is missing"),
    ("backward_pass", "global-parameter", "bp-test-autograd", "factor"),
    (
        "creating_tensors",
        "dtype-inferred",
        "ct-test-table",
        "The dtype was inferred from whole numbers: say which one you want",
    ),
    ("reductions", "sum-for-mean", "re-test-dims", "factor\nsum for mean"),
]


def _graded(engine: Engine, topic: str, name: str) -> dict[str, CellReport]:
    """The reports of a known solution's test cells, by grade_id."""
    mutant = next(one for one in load_mutants(MUTANTS, topic) if one.name == name)
    handed_in = build_submission(nbformat.writes(release(topic)).encode(), mutant)
    assert handed_in is not None
    notebook = nbformat.reads(handed_in.decode(), as_version=4)
    whole = {
        cell.metadata.nbgrader.grade_id: cell.source for cell in source(topic).cells if "nbgrader" in cell.metadata
    }
    for cell in notebook.cells:
        meta = cell.metadata.get("nbgrader", {})
        if meta.get("locked"):
            cell.source = whole[meta["grade_id"]]
    template = read_template(SOURCES / topic / f"{topic}.ipynb")
    report = engine.grade(Submission(cells=read_cells(notebook, template), template=template))
    return {notebook.cells[one.key].metadata.get("nbgrader", {}).get("grade_id", ""): one for one in report.cells}


@pytest.mark.parametrize(("topic", "mutant", "test", "kind"), NAMED, ids=[f"{one[0]}-{one[1]}" for one in NAMED])
def test_a_known_wrong_solution_is_named(engine: Engine, topic: str, mutant: str, test: str, kind: str) -> None:
    report = _graded(engine, topic, mutant)[test]
    assert report.misconception == kind, report


def test_a_right_solution_has_no_misconception(engine: Engine) -> None:
    assert {one.misconception for one in _graded(engine, "backward_pass", "right").values()} == {""}


@pytest.mark.parametrize("lines", ["{}", "### BEGIN HIDDEN TESTS\n{}\n### END HIDDEN TESTS"], ids=["visible", "hidden"])
def test_a_hidden_test_is_named_too_and_only_for_the_instructor(engine: Engine, lines: str) -> None:
    asked = "from graders.checks import check_tensor\nx = torch.arange(6.0).reshape(2, 3)\n" + lines.format(
        "check_tensor(m, 'm', values=x.T)"
    )
    cells = (
        Cell(0, "import torch\nx = torch.arange(6.0).reshape(2, 3)\nm = x.reshape(3, 2)", "student"),
        Cell(1, f"import torch\n{asked}", "test", 1.0, "check"),
    )
    report = engine.grade(Submission(cells=cells)).of(1)
    assert report is not None
    assert report.misconception == "reshaped"
    shown = str([output for output in report.outputs if output["output_type"] == "display_data"])
    assert ("text/html" in shown) == ("HIDDEN" not in lines)


def test_a_rubric_says_which_part_was_lost_and_names_each(engine: Engine) -> None:
    asked = (
        "from graders.checks import check_tensor, rubric\nimport torch\np = rubric(2)\n"
        "with p.part(1, 'turned'):\n    check_tensor(m, 'm', values=torch.arange(6.0).reshape(2, 3).T)\n"
        "with p.part(1, 'sign'):\n    check_tensor(s, 's', values=[-1.0, 2.0, -3.0])\np.score()"
    )
    mine = "import torch\nm = torch.arange(6.0).reshape(3, 2)\ns = torch.tensor([1.0, -2.0, 3.0])"
    report = engine.grade(Submission(cells=(Cell(0, mine, "student"), Cell(1, asked, "test", 2.0, "check")))).of(1)
    assert report is not None
    assert report.score == 0.0
    assert report.misconception == "reshaped\nsign"
    assert report.message.startswith("partial credit: 0 of 2. turned: `m` at ")
    assert report.message.endswith("(1 more part lost)")


def test_a_rubric_that_ends_in_a_hidden_line_says_no_label(engine: Engine) -> None:
    asked = (
        "### BEGIN HIDDEN TESTS\nfrom graders.checks import rubric\np = rubric(1)\n"
        "with p.part(1, 'the secret'):\n    assert m == 4\np.score()\n### END HIDDEN TESTS"
    )
    report = engine.grade(Submission(cells=(Cell(0, "m = 3", "student"), Cell(1, asked, "test", 1.0, "check")))).of(1)
    assert report is not None
    assert report.message == "partial credit: 0 of 1"
    assert "secret" not in str(report.outputs)


def test_every_kind_that_checks_name_has_a_heading() -> None:
    kinds = set()
    for path in (Path(__file__).parents[2] / "graders").glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "Finding" and node.args:
                kind = node.args[0]
                if isinstance(kind, ast.Constant):
                    kinds.add(kind.value)
    assert len(kinds) > 20
    assert kinds <= set(TITLES)
