"""What the gradebook holds of a class: a row for each assignment and student, from eight queries for all together."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import Any

from nbgrader.api import Gradebook

from graders.nbgrader_plugin.exports import queries
from torchmagic.errors import TorchmagicError


@dataclass(frozen=True, slots=True)
class Question:
    """A cell that is worth points, as one submission answered it.

    Attributes:
        notebook, name: the notebook, and nbgrader's grade_id within it.
        cell_type: ``code`` or ``markdown``.
        max_score: points that it is worth.
        auto_score, manual_score, extra_credit: None where nobody has given any.
        score: what counts: the manual score or else the automatic one, plus extra credit; 0 where there is neither.
        needs_manual_grade: True while somebody has to look at it.
        comment: what was said of it; "" for nothing.
    """

    notebook: str
    name: str
    cell_type: str
    max_score: float
    auto_score: float | None = None
    manual_score: float | None = None
    extra_credit: float | None = None
    score: float = 0.0
    needs_manual_grade: bool = False
    comment: str = ""


@dataclass(frozen=True, slots=True)
class Remark:
    """A comment on a cell of a submission: the grader's own, or else the automatic one."""

    notebook: str
    cell: str
    text: str


@dataclass(frozen=True, slots=True)
class ExportRow:
    """One student's grade for one assignment; what the gradebook does not know of a student is "".

    Attributes:
        due: when it was due for this student, extension included; in UTC, None where there is no due date.
        timestamp: when it was submitted, in UTC.
        late_seconds: how much later than due.
        raw_score: points got, extra credit included, before the penalty.
        late_penalty: points taken away for being late.
        score: what counts: ``raw_score`` less ``late_penalty``, never below 0, as in nbgrader's own export.
        max_score: points that the assignment is worth.
        needs_manual_grade: True while a part of it waits for grading by hand.
        submitted: False where the gradebook has no submission: all points are 0 then, and ``questions`` is empty.
        questions: every cell that is worth points, by notebook and name.
        comments: on whatever cell.
    """

    student_id: str
    first_name: str
    last_name: str
    email: str
    lms_user_id: str
    assignment: str
    due: datetime | None
    timestamp: datetime | None
    late_seconds: float
    raw_score: float
    late_penalty: float
    score: float
    max_score: float
    needs_manual_grade: bool
    submitted: bool
    questions: tuple[Question, ...] = ()
    comments: tuple[Remark, ...] = ()


def read_rows(
    gradebook: Gradebook, assignments: Collection[str] = (), students: Collection[str] = ()
) -> list[ExportRow]:
    """The grades of a class.

    Args:
        gradebook: an open nbgrader gradebook.
        assignments: their names; none for all.
        students: their ids; none for all.

    Returns:
        a row for each assignment (by due date and name) and student (by last name, first name and id), whether or not
        anything was submitted.

    Raises:
        TorchmagicError: no such assignment or student, or a score that is no number.
    """
    db = gradebook.db
    tasks = _wanted("assignment", queries.assignments(db), lambda entry: str(entry.name), assignments)
    tasks.sort(key=lambda entry: (entry.duedate is None, entry.duedate or datetime.min, natural(entry.name)))
    people = _wanted("student", queries.students(db), lambda entry: str(entry.id), students)
    people.sort(key=lambda entry: (entry.last_name or "", entry.first_name or "", entry.id))
    cells = queries.cells(db, queries.condition(list(assignments)))
    for found in cells.values():
        found.sort(key=lambda cell: (natural(cell.notebook), natural(cell.name)))
    chosen = queries.condition(list(assignments), list(students))
    submissions = queries.submissions(db, chosen)
    penalties = queries.penalties(db, chosen)
    grades = queries.grades(db, chosen)
    remarks = queries.remarks(db, chosen)
    return [
        _row(person, task, cells[task.id], submissions.get((task.id, person.id)), penalties, grades, remarks)
        for task in tasks
        for person in people
    ]


def natural(text: str) -> tuple[tuple[str, int], ...]:
    """A key that sorts numbers within texts as numbers.

    >>> sorted(["q10", "q2", "q1b"], key=natural)
    ['q1b', 'q2', 'q10']
    """
    parts = re.split(r"([0-9]+)", text)
    return tuple(("", int(part)) if part.isascii() and part.isdigit() else (part, 0) for part in parts)


def _row(
    person: Any, task: Any, cells: Sequence[Any], submission: Any, penalties: Any, grades: Any, remarks: Any
) -> ExportRow:
    due = _utc(task.duedate)
    questions: tuple[Question, ...] = ()
    said: tuple[Remark, ...] = ()
    penalty, timestamp = 0.0, None
    if submission is not None:
        if due is not None and submission.extension is not None:
            due += submission.extension
        timestamp = _utc(submission.timestamp)
        found = [Remark(*remark) for remark in remarks[submission.id]]
        said = tuple(sorted(found, key=lambda remark: (natural(remark.notebook), natural(remark.cell))))
        texts = {(remark.notebook, remark.cell): remark.text for remark in said}
        given = grades[submission.id]
        questions = tuple(
            _question(cell, given.get(cell.id), texts.get((cell.notebook, cell.name), "")) for cell in cells
        )
        penalty = float(penalties[submission.id])
    raw = sum((question.score for question in questions), 0.0)
    scores = [value for q in questions for value in (q.auto_score, q.manual_score, q.extra_credit) if value is not None]
    if not all(map(math.isfinite, (*scores, penalty))):
        raise TorchmagicError(
            f"The gradebook holds a score that is no number, for {task.name!r} of student {person.id!r}.",
            hint="Enter it again in the formgrader, or grade that submission again.",
        )
    return ExportRow(
        student_id=person.id,
        first_name=person.first_name or "",
        last_name=person.last_name or "",
        email=person.email or "",
        lms_user_id=person.lms_user_id or "",
        assignment=task.name,
        due=due,
        timestamp=timestamp,
        late_seconds=_late(timestamp, due),
        raw_score=raw,
        late_penalty=penalty,
        score=max(0.0, raw - penalty),
        max_score=math.fsum(cell.max_score for cell in cells),
        needs_manual_grade=any(question.needs_manual_grade for question in questions),
        submitted=submission is not None,
        questions=questions,
        comments=said,
    )


def _question(cell: Any, grade: Any, comment: str) -> Question:
    if grade is None:  # of a notebook that was not handed in
        return Question(cell.notebook, cell.name, cell.cell_type, cell.max_score, comment=comment)
    given = grade.manual_score if grade.manual_score is not None else grade.auto_score
    return Question(
        notebook=cell.notebook,
        name=cell.name,
        cell_type=cell.cell_type,
        max_score=cell.max_score,
        auto_score=grade.auto_score,
        manual_score=grade.manual_score,
        extra_credit=grade.extra_credit,
        score=0.0 if given is None else given + (grade.extra_credit or 0.0),
        needs_manual_grade=bool(grade.needs_manual_grade),
        comment=comment,
    )


def _utc(moment: datetime | None) -> datetime | None:
    """nbgrader keeps moments in UTC, and does not say so."""
    return None if moment is None else moment.replace(tzinfo=timezone.utc)


def _late(timestamp: datetime | None, due: datetime | None) -> float:
    if timestamp is None or due is None:
        return 0.0
    return max(timedelta(), timestamp - due).total_seconds()


def _wanted(kind: str, known: Sequence[Any], name: Callable[[Any], str], wanted: Collection[str]) -> list[Any]:
    """Those of the known whose name is wanted; all where none is named."""
    missing = sorted(set(wanted) - {name(entry) for entry in known})
    if not missing:
        return [entry for entry in known if not wanted or name(entry) in wanted]
    shown = sorted(map(name, known), key=natural)[:10]
    more = f" and {len(known) - len(shown)} more" if len(known) > len(shown) else ""
    raise TorchmagicError(
        f"The gradebook has no {kind} {', '.join(map(repr, missing))}.",
        hint=f"It knows: {', '.join(shown)}{more}." if shown else f"It knows no {kind} yet.",
    )
