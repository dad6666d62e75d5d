"""What goes into the engine and what comes out: submissions, limits, outcomes and reports, all plain data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from enum import Enum
from typing import Any, Literal

Role = Literal["student", "provided", "test", "ignored"]


class Outcome(str, Enum):
    """How a cell or a whole submission ended; the later in this list, the more it overrides."""

    PASSED = "passed"
    FAILED = "failed"
    ERROR = "error"
    NOT_ATTEMPTED = "not attempted"
    TIMEOUT = "timeout"
    MEMORY = "memory"
    CRASHED = "crashed"
    GRADER_ERROR = "grader error"


def facts(record: Any) -> dict[str, Any]:
    """A record's fields by name, as they are: ``dataclasses.asdict`` copies all that they hold.

    >>> facts(Cell(0, "x = 1", "student"))["source"]
    'x = 1'
    """
    return {entry.name: getattr(record, entry.name) for entry in fields(record)}


#: How a crash is told that the submission or the machine may have caused: another try will tell.
KILLED = "the student's process was ended by SIGKILL"
ENDED = "the student's process ended"

_RANK = {outcome: rank for rank, outcome in enumerate(Outcome)}


@dataclass(frozen=True, slots=True)
class Cell:
    """One code cell of a sanitised submission.

    Attributes:
        key: where it stands in the notebook (unique).
        source: its text.
        role: ``student`` runs in the student's process; ``provided`` too (the instructor's own read-only cell,
            whose imports and functions the judge also defines for itself); ``test`` runs in the judge.
        points: what a test cell is worth.
        name: nbgrader's grade_id, for messages.
        beside_student: a test cell that runs in the student's process, as in plain nbgrader, at its author's risk.
    """

    key: int
    source: str
    role: Role
    points: float = 0.0
    name: str = ""
    beside_student: bool = False


@dataclass(frozen=True, slots=True)
class Limits:
    """What one submission may use: seconds, bytes of memory and disk, number of processes.

    Seconds are of wall time without those in which it waited for a processor: see :mod:`graders.engine.deadline`.
    """

    cell_seconds: float = 30.0
    total_seconds: float = 240.0
    memory_bytes: int = 2 << 30
    disk_bytes: int = 256 << 20
    processes: int = 64
    output_bytes: int = 1 << 20


@dataclass(frozen=True, slots=True)
class Submission:
    """All that the engine needs of one notebook.

    Attributes:
        cells: its code cells in order, hidden tests in place.
        template: the instructor's own cells (role and source, in order), from the source notebook where there
            is one; they say which names are the student's to define. Empty where the source is not at hand.
        files: the files that the student's code may read beside its notebook (relative path → bytes).
        modules: the instructor's own Python files beside the notebook, which test cells may import.
        limits: what it may use.
        attempted: False when no solution cell differs from the release.
    """

    cells: tuple[Cell, ...]
    template: tuple[Cell, ...] = ()
    files: Mapping[str, bytes] = field(default_factory=dict)
    modules: Mapping[str, bytes] = field(default_factory=dict)
    limits: Limits = field(default_factory=Limits)
    attempted: bool = True


@dataclass(frozen=True, slots=True)
class CellReport:
    """What became of one cell.

    Attributes:
        key: the cell's key.
        outcome: how it ended.
        outputs: nbformat output objects.
        score: points for a test cell, in [0, points]; None for other cells and for a grader error.
        message: why, in one line.
        seconds: wall time.
        tamper_proof: False for a test cell that ran beside the student's code.
        refused: whether it asked of an object what cannot be answered from another process.
        misconception: the kind of the misconception that explains a wrong answer ("transposed"), or "". Where several
            parts of a rubric were lost, one a line.
    """

    key: int
    outcome: Outcome
    outputs: tuple[Mapping[str, Any], ...] = ()
    score: float | None = None
    message: str = ""
    seconds: float = 0.0
    tamper_proof: bool = True
    refused: bool = False
    misconception: str = ""


@dataclass(frozen=True, slots=True)
class Report:
    """What became of one submission: a report for each cell, the outcome of the whole, and wall seconds.

    ``lasting`` is False where the grading itself broke down, so that another try may end otherwise.
    """

    cells: tuple[CellReport, ...]
    outcome: Outcome
    seconds: float
    message: str = ""
    lasting: bool = True

    def of(self, key: int) -> CellReport | None:
        """The report of the cell with that key, if it was reached."""
        return next((cell for cell in self.cells if cell.key == key), None)


def summarise(cells: tuple[CellReport, ...], *, attempted: bool) -> tuple[Outcome, str]:
    """The outcome of a submission and its first reason, from those of its cells.

    >>> done = CellReport(0, Outcome.PASSED), CellReport(1, Outcome.TIMEOUT, message="no end")
    >>> summarise(done, attempted=True)
    (<Outcome.TIMEOUT: 'timeout'>, 'no end')
    """
    worst = max(cells, key=lambda cell: _RANK[cell.outcome], default=None)
    if worst is None:
        return Outcome.PASSED if attempted else Outcome.NOT_ATTEMPTED, ""
    if not attempted and worst.outcome in (Outcome.FAILED, Outcome.ERROR, Outcome.PASSED):
        return Outcome.NOT_ATTEMPTED, ""
    return worst.outcome, worst.message
