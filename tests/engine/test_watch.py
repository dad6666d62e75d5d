"""The students' parent watches over all of them at once, and each of them is told apart."""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from graders.engine.client import Engine
from graders.engine.report import Cell, Limits, Outcome, Report, Submission

pytestmark = [pytest.mark.slow, pytest.mark.sandbox]

HOG = (
    "import os, time\nfor i in range(4):\n    if os.fork() == 0:\n        x = bytearray(100 << 20)\n"
    "        x[::4096] = b'x' * len(x[::4096])\n        time.sleep(60)\ntime.sleep(60)"
)
ENDLESS = "while True: pass"
SOLUTIONS = {
    "more memory": (HOG, Outcome.MEMORY, "256 MiB"),
    "no end": (ENDLESS, Outcome.TIMEOUT, "no end after 2 s"),
    "an end of its own": ("import os\nos._exit(3)", Outcome.CRASHED, "exit status 3"),
    "a signal": ("import os, signal\nos.kill(os.getpid(), signal.SIGSEGV)\nimport ctypes\nctypes.string_at(0)", Outcome.CRASHED, "SIGSEGV"),
    "nothing amiss": ("x = 1", Outcome.PASSED, ""),
}  # fmt: skip


@pytest.fixture(scope="module")
def crowd() -> Iterator[Engine]:
    with Engine(at_once=len(SOLUTIONS)) as engine:
        yield engine


def _submission(*sources: str) -> Submission:
    cells = tuple(Cell(number, source, "student") for number, source in enumerate(sources))
    seconds = 2.0 if sources[0] == ENDLESS else 30.0
    return Submission(cells, limits=Limits(seconds, 60.0, memory_bytes=256 << 20))


def _end(report: Report) -> tuple[Outcome, str]:
    cell = report.of(0)
    assert cell is not None
    return cell.outcome, cell.message


@pytest.mark.parametrize("time", ["the first ones, with a watcher each", "those after them, watched by their parent"])
def test_many_that_end_differently(crowd: Engine, time: str) -> None:
    with ThreadPoolExecutor(len(SOLUTIONS)) as pool:
        sources = [source for source, _, _ in SOLUTIONS.values()]
        reports = list(pool.map(lambda source: crowd.grade(_submission(source, "y = 2")), sources))
    for (_, outcome, message), report in zip(SOLUTIONS.values(), reports, strict=True):
        found = _end(report)
        assert found[0] is outcome, (time, report)
        assert message in found[1], (time, report)
    interrupted = reports[list(SOLUTIONS).index("no end")].of(1)
    assert interrupted is not None
    assert interrupted.outcome is Outcome.PASSED, "an interrupt ends a cell, and not its process"


def _family(engine: Engine) -> dict[int, tuple[int, str]]:
    """All processes below this one that are warm ones or their forks: id → parent and state."""
    found: dict[int, tuple[int, str]] = {}
    for name in filter(str.isdigit, os.listdir("/proc")):
        try:
            fields = Path(f"/proc/{name}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        found[int(name)] = (int(fields[1]), fields[0])
    family = {os.getpid()}
    while more := {pid for pid, (parent, _) in found.items() if parent in family} - family:
        family |= more
    return {pid: found[pid] for pid in family - {os.getpid()}}


def _warm(family: dict[int, tuple[int, str]]) -> list[int]:
    """Those that have children."""
    return sorted({parent for parent, _ in family.values() if parent in family})


def _settled(engine: Engine) -> dict[int, tuple[int, str]]:
    """The family when nobody comes or goes: what was asked for is there, what has ended is gone."""
    family = _family(engine)
    for _ in range(100):
        time.sleep(0.5)
        known, family = family, _family(engine)
        if known.keys() == family.keys():
            break
    return family


def _descriptors(family: dict[int, tuple[int, str]]) -> Counter[int]:
    return Counter({pid: len(os.listdir(f"/proc/{pid}/fd")) for pid in _warm(family)})


def test_nothing_is_left_of_those_that_ended() -> None:
    """No process, no descriptor: a course hands in by the thousand."""
    with Engine(at_once=1) as engine:
        for _ in range(2):  # the first ones have a watcher to themselves, until their parent has nothing else to do
            for _ in range(5):
                engine.grade(_submission("x = 1"))
            before = _settled(engine)
        descriptors = _descriptors(before)
        for _ in range(10):
            assert _end(engine.grade(_submission("x = 1")))[0] is Outcome.PASSED
        for _ in range(200):  # the last two may be about to end
            after = _family(engine)
            more = _descriptors(after) - descriptors
            if len(after) <= len(before) and sum(more.values()) < 10:
                break
            time.sleep(0.1)
    assert _warm(after) == _warm(before)
    assert len(after) <= len(before), (before, after)
    assert sum(more.values()) < 10, "one for each submission, or more"
    assert [state for _, state in after.values()].count("Z") <= 2, after


def test_a_submission_is_process_1_of_a_tree_of_its_own(crowd: Engine) -> None:
    source = "import os, subprocess\nprint(os.getpid(), os.getppid(), sorted(int(n) for n in os.listdir('/proc') if n.isdigit()))"
    report = crowd.grade(_submission(source))
    assert report.of(0).outputs[0]["text"] == "1 0 [1]\n"  # type: ignore[union-attr]
