"""Which rows of the gradebook one graded submission makes or changes: nbgrader's own rules, on plain data."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Literal
from uuid import uuid4

from graders.graded import MISSING, UNREADABLE, Graded, GradedNotebook

Table = Literal["student", "submitted_assignment", "submitted_notebook", "grade", "comment"]
Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Entry:
    """One graded submission for the gradebook.

    Attributes:
        student: nbgrader's student id.
        timestamp: when it was submitted, in UTC; None leaves what the gradebook has.
        graded: what grading gave.
        present: the assignment's notebooks that were submitted; the others score nothing.
            A notebook that is present and was not graded, or could not be read, keeps what the gradebook has.
    """

    student: str
    timestamp: datetime | None
    graded: Graded
    present: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class NotebookCells:
    """A notebook of the assignment: its id, and the ids of its cells by grade_id.

    Attributes:
        tested: cells that are worth points and are scored by tests or by hand.
        tasks: task cells: worth points, and always scored by hand.
        answered: cells for the student's answer.
    """

    id: str
    tested: Mapping[str, str]
    tasks: Mapping[str, str]
    answered: Mapping[str, str]

    @property
    def with_grade(self) -> Iterable[str]:
        """The ids of cells of which each submission has a row in ``grade``."""
        return (*self.tested.values(), *self.tasks.values())

    @property
    def with_comment(self) -> Iterable[str]:
        """The ids of cells of which each submission has a row in ``comment``."""
        return (*self.answered.values(), *self.tasks.values())


@dataclass(frozen=True, slots=True)
class KnownAssignment:
    """An assignment as the gradebook has it; its notebooks by name."""

    id: str
    duedate: datetime | None
    max_score: float
    notebooks: Mapping[str, NotebookCells]

    def seconds_late(self, timestamp: datetime | None, extension: timedelta | None) -> float:
        """By how much work came after the due date and the student's extension; 0 where it did not.

        >>> monday = datetime(2026, 3, 2)
        >>> assignment = KnownAssignment("1", monday, 10.0, {})
        >>> assignment.seconds_late(monday + timedelta(hours=2), timedelta(hours=1))
        3600.0
        """
        if timestamp is None or self.duedate is None:
            return 0.0
        return max(0.0, (timestamp - self.duedate - (extension or timedelta())).total_seconds())


@dataclass(frozen=True, slots=True)
class KnownGrade:
    """A row of ``grade``."""

    id: str
    auto_score: float | None
    manual_score: float | None
    needs_manual_grade: bool


@dataclass(frozen=True, slots=True)
class KnownNotebook:
    """A row of ``submitted_notebook`` with its grades, and its comments' ids and automatic texts, by the cell's id."""

    id: str
    late_penalty: float | None
    grades: dict[str, KnownGrade] = field(default_factory=dict)
    comments: dict[str, tuple[str, str | None]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class KnownSubmission:
    """A row of ``submitted_assignment`` with its notebooks, by the id of the assignment's notebook."""

    id: str
    timestamp: datetime | None
    extension: timedelta | None
    notebooks: dict[str, KnownNotebook] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Late:
    """A submitted notebook whose penalty is to be found once its scores are written."""

    student: str
    notebook: str
    penalty: float | None
    seconds: float


@dataclass(frozen=True, slots=True)
class Changes:
    """Rows to make and rows to change, by table; a row to change has its ``id`` and the new values."""

    new: list[tuple[Table, Row]] = field(default_factory=list)
    changed: list[tuple[Table, Row]] = field(default_factory=list)
    late: list[Late] = field(default_factory=list)

    def __bool__(self) -> bool:
        """True where rows are made or changed; a penalty may still be found to be another."""
        return bool(self.new or self.changed)


class Stale(ValueError):
    """A result that is of another version of the assignment, or no result: in words."""


def changes(assignment: KnownAssignment, known: KnownSubmission | None, entry: Entry) -> Changes:
    """What one submission's result makes and changes: what nbgrader's own steps would, one after the other.

    Args:
        known: what the gradebook has of it; None where it has nothing.

    Raises:
        Stale: the result names notebooks or cells that the assignment does not have, or a score is not finite.

    >>> cells = NotebookCells("1", {"test": "2"}, {}, {"answer": "3"})
    >>> graded = GradedNotebook("hw", "{}", "passed", "", 0.1, scores={"test": 2.0}, comments={"answer": None})
    >>> entry = Entry("ada", None, Graded((graded,)), ("hw",))
    >>> [table for table, row in changes(KnownAssignment("4", None, 2.0, {"hw": cells}), None, entry).new]
    ['submitted_assignment', 'submitted_notebook', 'grade', 'comment']
    """
    results = {notebook.name: notebook for notebook in entry.graded.notebooks}
    for name, result in results.items():
        _demand_known(assignment, name, result)
    found = Changes()
    if known is None:
        known = KnownSubmission(uuid4().hex, entry.timestamp, None)
        row = {"id": known.id, "assignment_id": assignment.id, "student_id": entry.student}
        found.new.append(("submitted_assignment", {**row, "timestamp": entry.timestamp}))
    timestamp = known.timestamp if entry.timestamp is None else entry.timestamp
    if timestamp != known.timestamp:
        found.changed.append(("submitted_assignment", {"id": known.id, "timestamp": timestamp}))
    seconds = assignment.seconds_late(timestamp, known.extension)
    present = {*entry.present, *results}
    for name, cells in assignment.notebooks.items():
        there = known.notebooks.get(cells.id)
        if there is None:
            there = KnownNotebook(uuid4().hex, None)
            row = {"id": there.id, "assignment_id": known.id, "notebook_id": cells.id}
            found.new.append(("submitted_notebook", {**row, "late_submission_penalty": None}))
        graded = results.get(name)
        if graded is not None and graded.outcome in (UNREADABLE, MISSING):
            graded = None
        _grades(found, cells, there, graded, missing=name not in present)
        _comments(found, cells, there, graded)
        if graded is not None and seconds > 0:
            found.late.append(Late(entry.student, there.id, there.late_penalty, seconds))
        elif graded is not None and there.late_penalty is not None:
            found.changed.append(("submitted_notebook", {"id": there.id, "late_submission_penalty": None}))
    return found


def _grades(
    found: Changes, cells: NotebookCells, there: KnownNotebook, graded: GradedNotebook | None, *, missing: bool
) -> None:
    # a task gets no automatic score: it asks for one by hand until a person has given it
    named = () if graded is None else (*graded.scores, *graded.kept)
    judged = {cells.tested[name]: name for name in named if name in cells.tested}
    for cell in cells.with_grade:
        have = there.grades.get(cell)
        grade = have or KnownGrade("", None, None, True)
        auto, by_hand = grade.auto_score, grade.needs_manual_grade
        if missing:
            auto, by_hand = 0.0, False
        elif graded is not None and cell in judged:
            name = judged[cell]
            if name in graded.kept:
                by_hand = True  # the score stays what it was: the fault is not the student's
            else:
                auto = graded.scores[name]
                by_hand = grade.manual_score is not None or auto is None
        values = {"auto_score": auto, "needs_manual_grade": by_hand}
        if have is None:
            found.new.append(("grade", {"cell_id": cell, "notebook_id": there.id, **values}))
        elif (auto, by_hand) != (have.auto_score, have.needs_manual_grade):
            found.changed.append(("grade", {"id": have.id, **values}))


def _comments(found: Changes, cells: NotebookCells, there: KnownNotebook, graded: GradedNotebook | None) -> None:
    said = {} if graded is None else graded.comments
    texts = {
        cell: said[name] for group in (cells.tasks, cells.answered) for name, cell in group.items() if name in said
    }
    for cell in cells.with_comment:
        if cell not in there.comments:
            row = {"cell_id": cell, "notebook_id": there.id, "auto_comment": texts.get(cell)}
            found.new.append(("comment", row))
            continue
        id_, have = there.comments[cell]
        if texts.get(cell, have) != have:
            found.changed.append(("comment", {"id": id_, "auto_comment": texts[cell]}))


def _demand_known(assignment: KnownAssignment, name: str, result: GradedNotebook) -> None:
    cells = assignment.notebooks.get(name)
    if cells is None:
        raise Stale(f"it has a notebook {name!r}, and the gradebook's assignment has none of that name")
    known = {*cells.tested, *cells.tasks, *cells.answered}
    unknown = sorted({*result.scores, *result.kept, *result.comments} - known)
    if unknown:
        raise Stale(f"its {name}.ipynb has cells that the gradebook does not know: {', '.join(unknown[:3])}")
    wrong = [cell for cell, score in result.scores.items() if score is not None and not math.isfinite(score)]
    if wrong:
        raise Stale(f"the score of {wrong[0]!r} in its {name}.ipynb is {result.scores[wrong[0]]}")
