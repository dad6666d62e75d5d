"""What is to be imported first is there when the first submission runs, in both processes."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor

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


def _uses(module: str) -> Submission:
    student = f"import sys\nfound = {module!r} in sys.modules"
    test = f"import sys\nassert found and {module!r} in sys.modules"
    return Submission((Cell(0, student, "student", 0.0, "q"), Cell(1, test, "test", 1.0, "t")))


def test_processes_forked_ahead_do_not_lack_it() -> None:
    """An assignment that comes after another one finds processes that wait already."""
    with Engine(at_once=2) as engine:
        engine.grade(_uses("sys"))
        engine.wait_until_ready()
        engine.preload(Needs(first=("tabnanny",)))
        reports = [engine.grade(_uses("tabnanny")) for _ in range(4)]
    assert {report.outcome for report in reports} == {Outcome.PASSED}, reports


def test_nor_does_one_that_comes_while_another_submission_runs() -> None:
    """A warm parent that watches over one imports nothing then; those that it forks do, before their time begins."""
    waits = Submission((Cell(0, "import time\ntime.sleep(6)", "student"),))
    with Engine(at_once=2) as engine, ThreadPoolExecutor() as pool:
        engine.wait_until_ready()
        other = pool.submit(engine.grade, waits)
        time.sleep(0.5)
        engine.preload(Needs(first=("tabnanny",)))
        during = engine.grade(_uses("tabnanny"))
        assert not other.done()
        other.result()
        after = [engine.grade(_uses("tabnanny")) for _ in range(4)]
    assert {report.outcome for report in [during, *after]} == {Outcome.PASSED}, (during, after)
