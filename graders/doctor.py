"""Try to cross each wall around a submission, through the real engine, and say which of them held."""

from __future__ import annotations

import contextlib
import json
import os
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from graders import doctor_attempts as attempts
from graders import doctor_limits as limits
from graders.doctor_attempts import Wall, cell_source
from graders.doctor_site import is_running, processes_with, site
from graders.engine.client import Engine, Isolation, WallsMissing
from graders.engine.landlock import interface_version
from graders.engine.mechanisms import REMEDIES
from graders.engine.report import Cell, CellReport, Limits, Outcome, Report, Submission

_SHOW = "import json\nprint(json.dumps(result))"


@dataclass(frozen=True, slots=True)
class Finding:
    """What became of one wall.

    Attributes:
        wall: what a submission must not do.
        mechanism: what keeps it from doing so.
        held: False when it did, or when that could not be ruled out; None when grading refuses before it comes to that.
        detail: what happened, in one line.
        remedy: what to do where the wall fell.
    """

    wall: str
    mechanism: str
    held: bool | None
    detail: str = ""
    remedy: str = ""


#: Every wall, in the order in which they are tried.
WALLS: tuple[Wall, ...] = (
    *(attempt.wall for attempt in attempts.REACH),
    attempts.PROCESS,
    *(attempt.wall for attempt in attempts.LOOK),
    attempts.WATCH.wall,
    *(excess.wall for excess in limits.EXCESSES),
    limits.PRINT,
)


def examine(isolation: Isolation, on_finding: Callable[[Finding], None] = lambda finding: None) -> list[Finding]:
    """Try every wall; ``on_finding`` hears of each as soon as it is known.

    Where the kernel lacks what the walls are made of, none is tried, and those that need it have fallen.

    Raises:
        TorchmagicError: the engine did not start for another reason.
    """
    found: list[Finding] = []

    def note(finding: Finding) -> None:
        found.append(finding)
        on_finding(finding)

    with site() as given, Engine(isolation=isolation, hidden=[Path(given["folder"])], at_once=2) as engine:
        try:
            engine.wait_until_ready()
        except WallsMissing as missing:
            for wall in WALLS:
                note(_without(wall, missing))
            return found
        for group in (_reach, _follow, _watch, _exceed, _print):
            for wall, held, detail in group(engine, given):
                note(_finding(wall, held, detail, isolation))
    return found


def _without(wall: Wall, missing: WallsMissing) -> Finding:
    if missing.mechanism in wall.needs:
        detail = f"this machine gives no {missing.mechanism.value}"
        return Finding(wall.name, wall.mechanism, False, detail, REMEDIES[missing.mechanism])
    return Finding(wall.name, wall.mechanism, None, "not tried: grading refuses here")


def _finding(wall: Wall, held: bool, detail: str, isolation: Isolation) -> Finding:
    if held:
        return Finding(wall.name, wall.mechanism, True, detail)
    if isolation == "process":
        remedy = "There are no walls with `--isolation process`: grade with `--isolation namespaces`."
    else:
        known = [REMEDIES[mechanism] for mechanism in wall.needs if mechanism in REMEDIES]
        report = "Do not grade hostile work here; report it with the output of `torchmagic doctor --json`."
        remedy = " ".join([*known, report])
    return Finding(wall.name, wall.mechanism, False, detail, remedy)


# ---- groups of walls; each gives (wall, held, detail) as it goes

_Result = tuple[Wall, bool, str]


def _cells(given: Mapping[str, Any], *sources: str) -> tuple[Cell, ...]:
    """The preface, then for each source its cell and a test cell that prints what came of it."""
    cells = [Cell(0, attempts.PREFACE.format(given=json.dumps(given)), "student")]
    for source in sources:
        cells += [Cell(len(cells), source, "student"), Cell(len(cells) + 1, _SHOW, "test", 1.0, "doctor")]
    return tuple(cells)


def _text(cell: CellReport | None) -> str:
    return "".join(output.get("text", "") for output in cell.outputs) if cell is not None else ""


def _result(report: Report, index: int) -> tuple[bool, str]:
    """Whether the attempt number ``index`` was refused, and how."""
    made, shown = report.of(2 * index + 1), report.of(2 * index + 2)
    if made is None or made.outcome is not Outcome.PASSED:
        return False, f"unclear: {made.message if made else 'no report'}"
    try:
        crossed, detail = json.loads(_text(shown))
    except ValueError:
        return False, "unclear: no answer"
    return not crossed, str(detail)


def _reach(engine: Engine, given: Mapping[str, Any]) -> Iterator[_Result]:
    sources = [cell_source(attempt.body) for attempt in attempts.REACH]
    report = engine.grade(Submission(_cells(given, *sources), limits=Limits(cell_seconds=20.0)))
    for index, attempt in enumerate(attempts.REACH):
        held, detail = _result(report, index)
        if attempt.wall.name == "signal a process outside":
            time.sleep(0.1)
            held = held and is_running(given["process"])
        yield attempt.wall, held, detail


def _follow(engine: Engine, given: Mapping[str, Any]) -> Iterator[_Result]:
    """Two submissions in a row: what the first left, and what the second finds."""
    planted = engine.grade(Submission((*_cells(given), Cell(1, attempts.PLANT, "student"))))
    time.sleep(0.2)
    left = processes_with(given["sleep"])
    for pid in left:
        with contextlib.suppress(OSError):
            os.kill(pid, 9)
    if planted.outcome is not Outcome.PASSED:
        left_text = f"unclear: {planted.message}"
    else:
        left_text = f"{len(left)} left running" if left else "all ended with the submission"
    yield attempts.PROCESS, planted.outcome is Outcome.PASSED and not left, left_text
    report = engine.grade(Submission(_cells(given, *(cell_source(attempt.body) for attempt in attempts.LOOK))))
    for index, attempt in enumerate(attempts.LOOK):
        held, detail = _result(report, index)
        yield attempt.wall, held and planted.outcome is Outcome.PASSED, detail


def _watch(engine: Engine, given: Mapping[str, Any]) -> Iterator[_Result]:
    """Two submissions at a time: one at work, one that looks for it."""
    holder = threading.Thread(
        target=engine.grade, args=(Submission((*_cells(given), Cell(1, attempts.HOLD, "student"))),)
    )
    holder.start()
    end = time.monotonic() + 10
    while not (seen := processes_with(given["sleep"])) and time.monotonic() < end:
        time.sleep(0.02)
    report = engine.grade(Submission(_cells(given, cell_source(attempts.WATCH.body))))
    held, detail = _result(report, 0)
    holder.join()
    yield attempts.WATCH.wall, held and bool(seen), detail if seen else "unclear: nothing was at work"


def _exceed(engine: Engine, given: Mapping[str, Any]) -> Iterator[_Result]:
    for excess in limits.EXCESSES:
        start = time.monotonic()
        source = cell_source(excess.body)
        report = engine.grade(Submission(_cells(given, source), limits=excess.limits))
        seconds = time.monotonic() - start
        made = report.of(1)
        if excess.outcome is None:
            held, detail = _result(report, 0)
        elif made is None or made.outcome is Outcome.PASSED:
            held, detail = False, _result(report, 0)[1]
        else:
            held = made.outcome is excess.outcome and seconds < excess.seconds
            detail = f"{made.outcome.value}: {made.message}"
            after = engine.grade(Submission((Cell(0, "x = 1", "student"), Cell(1, "assert x == 1", "test", 1.0))))
            if after.outcome is not Outcome.PASSED:
                held, detail = False, f"the next submission: {after.message}"
        yield excess.wall, held, detail


def _print(engine: Engine, given: Mapping[str, Any]) -> Iterator[_Result]:
    cell = engine.grade(Submission((Cell(0, limits.PRINT_BODY, "student"),), limits=limits.PRINT_LIMITS)).of(0)
    text = _text(cell)
    counted = limits.PRINTED - limits.PRINT_LIMITS.output_bytes
    held = str(counted) in text[-200:] and len(text) < limits.PRINT_LIMITS.output_bytes + 200
    yield limits.PRINT, held, f"{len(text)} characters kept, {counted} counted" if held else f"{len(text)} kept"


def kernel_facts(findings: Sequence[Finding], isolation: Isolation) -> dict[str, Any]:
    """All that there is to report, as plain data for ``--json``."""
    landlock: int | None = None
    with contextlib.suppress(OSError):
        landlock = interface_version()
    return {
        "isolation": isolation,
        "root": os.geteuid() == 0,
        "kernel": os.uname().release,
        "machine": os.uname().machine,
        "landlock": landlock,
        "held": all(finding.held for finding in findings),
        "walls": [
            {name: getattr(finding, name) for name in ("wall", "mechanism", "held", "detail", "remedy")}
            for finding in findings
        ],
    }
