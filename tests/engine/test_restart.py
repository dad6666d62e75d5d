"""Warm parents that something has ended are started again; a submission that was killed is doubtful, not judged."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from graders.engine.client import Engine
from graders.engine.needs import Needs
from graders.engine.report import ENDED, KILLED, Cell, Outcome, Submission

pytestmark = [pytest.mark.slow, pytest.mark.sandbox]

CELLS = (Cell(0, "x = 1", "student"), Cell(1, "assert x == 1", "test", 1.0, "check"))


def _children(pid: int) -> list[int]:
    said = subprocess.run(["ps", "-o", "pid=", "--ppid", str(pid)], capture_output=True, text=True, check=False)
    return [int(word) for word in said.stdout.split()]


def _judges_parents() -> set[int]:
    return {pid for pid in _children(os.getpid()) if "graders.engine.warm" in _command(pid)}


@contextlib.contextmanager
def _engine() -> Iterator[tuple[Engine, list[int]]]:
    """An engine, and its warm parents: the judges', and the students', which is its oldest child."""
    others = _judges_parents()  # of engines that other tests have
    with Engine() as engine:
        assert engine.grade(Submission(CELLS)).outcome is Outcome.PASSED
        (judges,) = _judges_parents() - others
        yield engine, [judges, min(_children(judges))]


def _command(pid: int) -> str:
    try:
        with open(f"/proc/{pid}/cmdline") as file:
            return file.read()
    except OSError:
        return ""


@pytest.mark.parametrize("which", [0, 1], ids=["judges", "students"])
def test_a_warm_parent_that_was_killed_is_started_again(which: int) -> None:
    with _engine() as (engine, warm):
        engine.preload(Needs(students=("fractions",)))
        os.kill(warm[which], signal.SIGKILL)
        time.sleep(0.2)
        reports = [engine.grade(Submission(CELLS)) for _ in range(3)]
        assert [report.outcome for report in reports if report.lasting] == [Outcome.PASSED] * len(
            [report for report in reports if report.lasting]
        )
        assert reports[-1].outcome is Outcome.PASSED


def test_a_process_that_was_killed_from_outside_is_doubtful() -> None:
    """No submission can do that to itself: it is process 1 of its own. So the machine may have, and another try will tell."""
    with _engine() as (engine, warm), ThreadPoolExecutor() as pool:
        sleeping = Submission((Cell(0, "import time\ntime.sleep(30)", "student"), CELLS[1]))
        under_way = pool.submit(engine.grade, sleeping)
        time.sleep(1.5)
        for student in _children(warm[1]):
            os.kill(student, signal.SIGKILL)
        report = under_way.result()
        assert (report.outcome, report.lasting) == (Outcome.CRASHED, False)
        assert report.message in (KILLED, ENDED)
        again = engine.grade(Submission(CELLS))
        assert again.lasting or engine.grade(Submission(CELLS)).outcome is Outcome.PASSED


def test_a_process_that_ended_itself_is_judged() -> None:
    with Engine() as engine:
        report = engine.grade(Submission((Cell(0, "import os\nos._exit(3)", "student"), CELLS[1])))
        assert (report.outcome, report.lasting) == (Outcome.CRASHED, True)
