"""Read and write many submissions' rows of nbgrader's tables with a few statements, in the caller's transaction."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from nbgrader import api
from sqlalchemy import ColumnElement, Connection, Table, bindparam, case, func, select

from graders.nbgrader_plugin.gradebook_rows import (
    Changes,
    KnownAssignment,
    KnownGrade,
    KnownNotebook,
    KnownSubmission,
    NotebookCells,
    Row,
)

_STUDENT: Final[Table] = api.Student.__table__
_ASSIGNMENT: Final[Table] = api.Assignment.__table__
_NOTEBOOK: Final[Table] = api.Notebook.__table__
_CELL: Final[Table] = api.BaseCell.__table__
_GRADE_CELL: Final[Table] = api.GradeCell.__table__
_TASK_CELL: Final[Table] = api.TaskCell.__table__
_SUBMITTED: Final[Table] = api.SubmittedAssignment.__table__
_SUBMITTED_NOTEBOOK: Final[Table] = api.SubmittedNotebook.__table__
_GRADE: Final[Table] = api.Grade.__table__
_COMMENT: Final[Table] = api.Comment.__table__
#: In this order rows can be made: each refers only to earlier ones.
_TABLES: Final = (_STUDENT, _SUBMITTED, _SUBMITTED_NOTEBOOK, _GRADE, _COMMENT)

#: nbgrader's score of a cell: by hand before automatic, with the extra credit where there is either.
_SCORE: Final = case(
    (
        func.coalesce(_GRADE.c.manual_score, _GRADE.c.auto_score).is_not(None),
        func.coalesce(_GRADE.c.manual_score, _GRADE.c.auto_score) + func.coalesce(_GRADE.c.extra_credit, 0.0),
    ),
    else_=0.0,
)


@dataclass(frozen=True, slots=True)
class Points:
    """What the gradebook holds of one submission: points, the late penalty to take off, and times."""

    score: float
    penalty: float
    needs_manual_grade: bool
    timestamp: datetime | None
    extension: timedelta | None


def read_assignment(connection: Connection, name: str, *, lock: bool = False) -> KnownAssignment | None:
    """An assignment and its cells; None where there is no such one.

    Args:
        lock: let no other writer of this kind begin with this assignment before the transaction ends. Who only refers
            to the assignment, like nbgrader when it enters a submission, is not held up.
    """
    wanted = select(_ASSIGNMENT.c.id, _ASSIGNMENT.c.duedate).where(_ASSIGNMENT.c.name == name)
    found = connection.execute(wanted.with_for_update(key_share=True) if lock else wanted).first()
    if found is None:
        return None
    points = func.coalesce(_GRADE_CELL.c.max_score, _TASK_CELL.c.max_score, 0.0)
    cells = connection.execute(
        select(_NOTEBOOK.c.name, _NOTEBOOK.c.id, _CELL.c.id, _CELL.c.name, _CELL.c.type, points)
        .outerjoin(_CELL, _CELL.c.notebook_id == _NOTEBOOK.c.id)
        .outerjoin(_GRADE_CELL, _GRADE_CELL.c.id == _CELL.c.id)
        .outerjoin(_TASK_CELL, _TASK_CELL.c.id == _CELL.c.id)
        .where(_NOTEBOOK.c.assignment_id == found.id)
        .order_by(_NOTEBOOK.c.name)
    ).all()
    notebooks: dict[str, NotebookCells] = {}
    for notebook, notebook_id, cell_id, cell, kind, _ in cells:
        known = notebooks.setdefault(notebook, NotebookCells(notebook_id, {}, {}, {}))
        of_kind: dict[str, Any] = {
            "GradeCell": known.tested,
            "TaskCell": known.tasks,
            "SolutionCell": known.answered,
        }
        if kind in of_kind:
            of_kind[kind][cell] = cell_id
    return KnownAssignment(found.id, found.duedate, math.fsum(row[-1] for row in cells), notebooks)


def read_students(connection: Connection, students: Collection[str]) -> set[str]:
    """Those of the students whom the gradebook knows."""
    return set(connection.scalars(select(_STUDENT.c.id).where(_STUDENT.c.id.in_(students))))


def read_submissions(
    connection: Connection, assignment: KnownAssignment, students: Collection[str]
) -> dict[str, KnownSubmission]:
    """What the gradebook has of these students' submissions, by student; nobody changes it before the transaction ends.

    Rows are sought by the cell and by the notebook: nbgrader's only indices of these tables begin with the cell.
    """
    wanted = select(_SUBMITTED.c.id, _SUBMITTED.c.student_id, _SUBMITTED.c.timestamp, _SUBMITTED.c.extension)
    wanted = wanted.where(_SUBMITTED.c.assignment_id == assignment.id, _SUBMITTED.c.student_id.in_(students))
    by_student: dict[str, KnownSubmission] = {}
    by_id: dict[str, KnownSubmission] = {}
    for id_, student, timestamp, extension in connection.execute(wanted.with_for_update()):
        by_student[student] = by_id[id_] = KnownSubmission(id_, timestamp, extension)
    if not by_id:
        return by_student
    notebook = _SUBMITTED_NOTEBOOK.c
    notebooks: dict[str, KnownNotebook] = {}
    ours = notebook.notebook_id.in_([cells.id for cells in assignment.notebooks.values()])
    for id_, submission, of, penalty in connection.execute(
        select(notebook.id, notebook.assignment_id, notebook.notebook_id, notebook.late_submission_penalty).where(
            ours, notebook.assignment_id.in_(by_id)
        )
    ):
        notebooks[id_] = by_id[submission].notebooks[of] = KnownNotebook(id_, penalty)
    grade, comment = _GRADE.c, _COMMENT.c
    grades = select(
        grade.notebook_id, grade.cell_id, grade.id, grade.auto_score, grade.manual_score, grade.needs_manual_grade
    ).where(grade.cell_id.in_(_with_grade(assignment)), grade.notebook_id.in_(notebooks))
    for of, cell, *values in connection.execute(grades.with_for_update()):
        notebooks[of].grades[cell] = KnownGrade(*values)
    commented = [cell for cells in assignment.notebooks.values() for cell in cells.with_comment]
    for of, cell, id_, text in connection.execute(
        select(comment.notebook_id, comment.cell_id, comment.id, comment.auto_comment).where(
            comment.cell_id.in_(commented), comment.notebook_id.in_(notebooks)
        )
    ):
        notebooks[of].comments[cell] = id_, text
    return by_student


def apply(connection: Connection, found: Iterable[Changes]) -> None:
    """Make and change rows: at most one statement for each table and each set of columns."""
    new: dict[str, list[Row]] = defaultdict(list)
    changed: dict[tuple[str, ...], list[Row]] = defaultdict(list)
    for one in found:
        for table, row in one.new:
            new[table].append(row)
        for table, row in one.changed:
            changed[(table, *sorted(row))].append(row)
    for made in _TABLES:
        if new[made.name]:
            connection.execute(made.insert(), new[made.name])
    by_name = {table.name: table for table in _TABLES}
    for (name, *columns), rows in changed.items():
        _update(connection, by_name[name], [column for column in columns if column != "id"], rows)


def _update(connection: Connection, table: Table, columns: Sequence[str], rows: Sequence[Row]) -> None:
    statement = table.update().where(table.c.id == bindparam("row_id"))
    statement = statement.values({column: bindparam(f"new_{column}") for column in columns})
    given = [{"row_id": row["id"], **{f"new_{column}": row[column] for column in columns}} for row in rows]
    connection.execute(statement, given)


def notebook_scores(
    connection: Connection, assignment: KnownAssignment, notebooks: Collection[str]
) -> Mapping[str, float]:
    """The score of each of these submitted notebooks that has grades, by id."""
    grades = _GRADE.c.cell_id.in_(_with_grade(assignment)), _GRADE.c.notebook_id.in_(notebooks)
    found = select(_GRADE.c.notebook_id, func.sum(_SCORE)).where(*grades).group_by(_GRADE.c.notebook_id)
    return {id_: float(score) for id_, score in connection.execute(found)}


def read_points(
    connection: Connection, assignment: KnownAssignment, students: Collection[str] | None = None
) -> dict[str, Points]:
    """What the gradebook holds of an assignment's submissions, by student, in three statements.

    Args:
        students: only these; None for all.
    """
    submitted = select(_SUBMITTED.c.id, _SUBMITTED.c.student_id, _SUBMITTED.c.timestamp, _SUBMITTED.c.extension)
    submitted = submitted.where(_SUBMITTED.c.assignment_id == assignment.id)
    if students is not None:
        submitted = submitted.where(_SUBMITTED.c.student_id.in_(students))
    rows = sorted(connection.execute(submitted), key=lambda row: row.student_id)
    notebook = _SUBMITTED_NOTEBOOK.c
    ours = [notebook.notebook_id.in_([cells.id for cells in assignment.notebooks.values()])]
    if students is not None:
        ours.append(notebook.assignment_id.in_([row.id for row in rows]))
    scores: dict[str, list[float]] = defaultdict(list)
    by_hand: set[str] = set()
    graded = select(notebook.assignment_id, _SCORE, _GRADE.c.needs_manual_grade).join(
        _GRADE, _GRADE.c.notebook_id == notebook.id
    )
    for id_, score, needs in connection.execute(graded.where(*ours, _GRADE.c.cell_id.in_(_with_grade(assignment)))):
        scores[id_].append(score)
        if needs:
            by_hand.add(id_)
    penalties: dict[str, list[float]] = defaultdict(list)
    for id_, penalty in connection.execute(
        select(notebook.assignment_id, notebook.late_submission_penalty).where(*ours)
    ):
        penalties[id_].append(penalty or 0.0)
    # summed here, exactly: the database's sums depend on the order in which it happens to find the rows
    return {
        student: Points(math.fsum(scores[id_]), math.fsum(penalties[id_]), id_ in by_hand, timestamp, extension)
        for id_, student, timestamp, extension in rows
    }


def read_auto_scores(
    connection: Connection, assignment: KnownAssignment
) -> dict[str, dict[tuple[str, str], float | None]]:
    """The automatic score of each cell that is worth points, by student, and by notebook and grade_id."""
    return _by_cell(connection, assignment, _GRADE.c.auto_score)


def read_given_scores(
    connection: Connection, assignment: KnownAssignment
) -> dict[str, dict[tuple[str, str], float | None]]:
    """The score of each cell with the extra credit where a person gave one, else None; by student and cell as above."""
    given = _GRADE.c.manual_score + func.coalesce(_GRADE.c.extra_credit, 0.0)
    return _by_cell(connection, assignment, given)


def _by_cell(
    connection: Connection, assignment: KnownAssignment, score: ColumnElement[float | None]
) -> dict[str, dict[tuple[str, str], float | None]]:
    names = {
        cell: (name, grade_id)
        for name, cells in assignment.notebooks.items()
        for group in (cells.tested, cells.tasks)
        for grade_id, cell in group.items()
    }
    wanted = (
        select(_SUBMITTED.c.student_id, _GRADE.c.cell_id, score)
        .join(_SUBMITTED_NOTEBOOK, _SUBMITTED_NOTEBOOK.c.assignment_id == _SUBMITTED.c.id)
        .join(_GRADE, _GRADE.c.notebook_id == _SUBMITTED_NOTEBOOK.c.id)
        .where(_SUBMITTED.c.assignment_id == assignment.id, _GRADE.c.cell_id.in_(names))
    )
    found: dict[str, dict[tuple[str, str], float | None]] = defaultdict(dict)
    for student, cell, value in connection.execute(wanted):
        found[student][names[cell]] = value
    return dict(sorted(found.items()))


def _with_grade(assignment: KnownAssignment) -> list[str]:
    return [cell for cells in assignment.notebooks.values() for cell in cells.with_grade]
