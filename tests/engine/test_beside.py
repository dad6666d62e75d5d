"""Test cells that their author marks run beside the student's code, and say so; what others cannot ask is the test's fault."""

from __future__ import annotations

import pytest

from graders.engine.client import Engine
from graders.engine.report import Cell, Limits, Outcome, Report, Submission
from tests.engine.conftest import Grade

pytestmark = pytest.mark.sandbox

_MARK = "# in-student-process\n"


@pytest.fixture
def beside(engine: Engine):  # type: ignore[no-untyped-def]
    def run(solution: str, test: str, *, points: float = 2.0, before: str = "pass") -> Report:
        cells = (
            Cell(0, solution, "student"),
            Cell(1, before, "test", 1.0, "before"),
            Cell(2, test, "test", points, "test", beside_student=True),
            Cell(3, "assert f(1) == 2", "test", 1.0, "after"),
        )
        return engine.grade(Submission(cells, limits=Limits(cell_seconds=10.0, total_seconds=30.0)))

    return run


@pytest.mark.parametrize(
    ("test", "score", "outcome"),
    [
        ("assert f(1) == 2", 2.0, Outcome.PASSED),
        ("assert f(1) == 3", 0.0, Outcome.FAILED),
        ("1.5", 1.5, Outcome.FAILED),
        ("float('nan')", 0.0, Outcome.FAILED),
        ("-3", 0.0, Outcome.FAILED),
        ("100", 2.0, Outcome.PASSED),
        ("'all'", 2.0, Outcome.PASSED),
        ("import sys\nprint('no harm', file=sys.stderr)", 2.0, Outcome.PASSED),
        ("import os\nos._exit(0)", 0.0, Outcome.CRASHED),
        ("while True: pass", 0.0, Outcome.TIMEOUT),
        ("import torch\nassert torch.func.vmap(f)(torch.ones(3)).tolist() == [2, 2, 2]", 2.0, Outcome.PASSED),
    ],
)
def test_a_marked_cell_scores_as_in_one_process(beside, test: str, score: float, outcome: Outcome) -> None:  # type: ignore[no-untyped-def]
    report = beside("def f(x):\n    return x + 1", test)
    cell = report.of(2)
    assert (cell.score, cell.outcome, cell.tamper_proof) == (score, outcome, False)
    assert report.of(1).tamper_proof
    if outcome is not Outcome.CRASHED:
        assert report.of(3).score == 1.0


def test_it_finds_what_earlier_test_cells_define(beside) -> None:  # type: ignore[no-untyped-def]
    helpers = "import math as m\nTOLERANCE = 0.5\ndef near(a, b):\n    return m.fabs(a - b) < TOLERANCE"
    assert beside("def f(x):\n    return x + 1", "assert near(f(1), 2)", before=helpers).of(2).score == 2.0


def test_hidden_tests_are_not_shown(beside) -> None:  # type: ignore[no-untyped-def]
    hidden = "### BEGIN HIDDEN TESTS\nassert f(1234567) == 7, 'for 1234567'\n### END HIDDEN TESTS"
    cell = beside("def f(x):\n    return x + 1", hidden).of(2)
    assert cell.score == 0.0
    assert "1234567" not in str(cell)


_ASKS_TOO_MUCH = "import torch\nassert torch.func.vmap(f)(torch.ones(3)).tolist() == [2, 2, 2]"


def test_what_the_instructors_solution_is_refused_too_is_the_tests_fault(grade: Grade) -> None:
    test = "v = V(3)\nassert (v - 1).x == 2"
    right = "class V:\n    def __init__(self, x): self.x = x\n    def __sub__(self, o): return V(self.x - o)"
    template = (("student", right), ("test", test))
    report = grade(("student", right), ("test", test), template=template)
    assert (report.outcome, report.of(1).score) == (Outcome.GRADER_ERROR, None)  # type: ignore[union-attr]
    assert "in-student-process" in report.message


def test_what_only_a_submission_is_refused_is_its_own_fault(grade: Grade) -> None:
    test = "assert answer() == 3"
    template = (("student", "def answer():\n    return 3"), ("test", test))
    yes = "class Yes:\n    def __eq__(self, o): return True\ndef answer():\n    return Yes()"
    report = grade(("student", yes), ("test", test), template=template)
    assert (report.outcome, report.of(1).score) == (Outcome.ERROR, 0.0)  # type: ignore[union-attr]
