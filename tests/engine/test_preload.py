"""What is to be imported first is there when the first submission runs, in both processes."""

from __future__ import annotations

import pytest

from graders.engine.client import Engine
from graders.engine.needs import Needs, read_needs
from graders.engine.report import Cell, Outcome, Submission

pytestmark = [pytest.mark.slow, pytest.mark.sandbox]

_STUDENT = Cell(0, "import sys\nfound = 'tabnanny' in sys.modules", "student", 0.0, "q")
_TEST = Cell(1, "import sys\nassert found and 'tabnanny' in sys.modules", "test", 1.0, "t")


@pytest.mark.parametrize("needs", [Needs(first=("tabnanny",)), Needs()])
def test_the_first_submission_finds_it(needs: Needs) -> None:
    with Engine() as engine:
        engine.preload(needs)
        report = engine.grade(Submission(cells=(_STUDENT, _TEST)))
    assert (report.outcome is Outcome.PASSED) == bool(needs.first), report


def test_only_a_tensor_on_meta_asks_for_it() -> None:
    assert read_needs([_STUDENT, _TEST]).first == ()
    assert read_needs([Cell(0, "torch.ones(2, device='meta')", "test", 1.0, "t")]).first


def test_test_cells_are_compiled_ahead_but_those_beside_the_students_code() -> None:
    beside = Cell(2, "assert found", "test", 1.0, "u", beside_student=True)
    assert read_needs([_STUDENT, _TEST, beside]).tests == (("t", _TEST.source),)
