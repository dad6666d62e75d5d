"""A busy machine costs a submission none of its seconds, and gives an endless one no more than a few times its limit."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import textwrap
import time
from collections.abc import Callable, Iterator

import pytest

from graders.engine.client import Engine
from graders.engine.deadline import Deadline, lost_by, waited
from graders.engine.report import Cell, Limits, Outcome, Role, Submission

_CROWD = 4
pytestmark = [pytest.mark.slow, pytest.mark.sandbox]

_LIMITS = Limits(cell_seconds=1.0, total_seconds=60.0)
_WORK = "import time\nstart = time.process_time()\nwhile time.process_time() - start < 0.4:\n    pass"

#: Within the grace that an interrupted cell has, on a core of its own.
_INTERRUPTED = _WORK.replace("0.4", "1.3")


def _burn() -> None:
    while True:
        pass


@contextlib.contextmanager
def one_core() -> Iterator[None]:
    """A single core for this thread and for what it starts."""
    cores = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(cores)})
    try:
        yield
    finally:
        os.sched_setaffinity(0, cores)


@contextlib.contextmanager
def crowd() -> Iterator[None]:
    """Many others that want this thread's core all the time."""
    others = [multiprocessing.get_context("fork").Process(target=_burn, daemon=True) for _ in range(_CROWD)]
    try:
        for process in others:
            process.start()
        yield
    finally:
        for process in others:
            process.kill()
            process.join()


@pytest.fixture(scope="module")
def crowded() -> Iterator[Callable[..., list[Outcome]]]:
    """Grades cells on a core that many others want, too; gives their outcomes."""
    with one_core(), Engine() as engine:
        engine.grade(Submission((Cell(0, "x = 1", "student"), Cell(1, "assert x == 1", "test", 1.0, "t"))))

        def grade(*cells: tuple[Role, str]) -> list[Outcome]:
            made = tuple(Cell(key, source, role, 1.0, f"c{key}") for key, (role, source) in enumerate(cells))
            with crowd():
                report = engine.grade(Submission(made, limits=_LIMITS))
            return [cell.outcome for cell in report.cells]

        yield grade


@pytest.mark.parametrize("role", ["student", "test"])
def test_waiting_for_a_core_costs_no_time(crowded: Callable[..., list[Outcome]], role: Role) -> None:
    """Work of less than half a second, within a second of which this process gets a fifth."""
    assert crowded((role, _WORK)) == [Outcome.PASSED]


def test_nor_does_it_cost_a_function_that_a_test_calls(crowded: Callable[..., list[Outcome]]) -> None:
    function = "def work():\n" + textwrap.indent(_WORK, "    ")
    assert crowded(("student", function), ("test", "work()")) == [Outcome.PASSED, Outcome.PASSED]


@pytest.mark.parametrize("source", ["while True:\n    pass", "import time\ntime.sleep(1000)"])
@pytest.mark.parametrize("role", ["student", "test"])
def test_what_does_not_end_is_ended(crowded: Callable[..., list[Outcome]], role: Role, source: str) -> None:
    assert crowded((role, source), ("test", "assert True")) == [Outcome.TIMEOUT, Outcome.PASSED]


def test_waiting_for_a_core_is_known() -> None:
    with one_core(), crowd():
        lost, start = lost_by(os.getpid()), time.process_time()
        while time.process_time() - start < 0.2:
            pass
        assert lost() > 0.2
    assert waited(2**22 + 1) == 0.0


def test_a_deadline_is_put_off_by_what_was_lost_and_no_further() -> None:
    long_ago = time.monotonic() - 100.0
    assert Deadline(long_ago, lambda: 150.0, most=1e3).left() > 0
    assert Deadline(long_ago, lambda: 50.0, most=1e3).left() < 0
    assert Deadline(long_ago, lambda: 150.0, most=99.0).left() < 0
    assert Deadline(long_ago, None, most=1e3).left() < 0


def test_an_interrupted_cell_costs_the_later_ones_nothing(crowded: Callable[..., list[Outcome]]) -> None:
    """What it takes to be interrupted is no time of the submission's either."""
    stubborn = f"try:\n    while True:\n        pass\nfinally:\n{textwrap.indent(_INTERRUPTED, '    ')}"
    cells = [("student", stubborn), ("student", "a = 1"), ("test", "assert a == 1")]
    assert crowded(*cells) == [Outcome.TIMEOUT, Outcome.PASSED, Outcome.PASSED]
