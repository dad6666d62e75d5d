"""The gradebook's tables as plain rows: one query for each kind of thing, whatever the number of students."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from nbgrader import api
from sqlalchemy import or_, select


def assignments(db: Any) -> list[Any]:
    """All assignments: ``id``, ``name``, ``duedate``."""
    return list(db.execute(select(api.Assignment.id, api.Assignment.name, api.Assignment.duedate)))


def students(db: Any) -> list[Any]:
    """All students: ``id``, ``first_name``, ``last_name``, ``email``, ``lms_user_id``."""
    student = api.Student
    columns = student.id, student.first_name, student.last_name, student.email, student.lms_user_id
    return list(db.execute(select(*columns)))


def condition(names: Sequence[str], ids: Sequence[str] = ()) -> list[Any]:
    """What keeps the other queries to these assignments, and to submissions of these students; none for all."""
    chosen: list[Any] = [api.Assignment.name.in_(names)] if names else []
    return [*chosen, api.SubmittedAssignment.student_id.in_(ids)] if ids else chosen


def cells(db: Any, chosen: Sequence[Any]) -> dict[str, list[Any]]:
    """The cells that are worth points, by the id of their assignment."""
    found: dict[str, list[Any]] = defaultdict(list)
    for kind in (api.GradeCell, api.TaskCell):
        query = (
            select(
                kind.id,
                kind.name,
                kind.max_score,
                kind.cell_type,
                api.Notebook.name.label("notebook"),
                api.Notebook.assignment_id,
            )
            .join(api.Notebook, api.Notebook.id == kind.notebook_id)
            .join(api.Assignment, api.Assignment.id == api.Notebook.assignment_id)
            .where(*chosen)
        )
        for cell in db.execute(query):
            found[cell.assignment_id].append(cell)
    return found


def submissions(db: Any, chosen: Sequence[Any]) -> dict[tuple[str, str], Any]:
    """Each submission, by the ids of its assignment and student: ``id``, ``timestamp``, ``extension``."""
    entry = api.SubmittedAssignment
    query = _of_submissions(select(entry.id, entry.assignment_id, entry.student_id, entry.timestamp, entry.extension))
    return {(found.assignment_id, found.student_id): found for found in db.execute(query.where(*chosen))}


def penalties(db: Any, chosen: Sequence[Any]) -> dict[str, float]:
    """The late penalty of each submission, by its id: the sum over its notebooks."""
    notebook = api.SubmittedNotebook
    query = _of_notebooks(select(notebook.assignment_id, notebook.late_submission_penalty).select_from(notebook))
    found: dict[str, float] = defaultdict(float)
    for entry in db.execute(query.where(*chosen)):
        found[entry.assignment_id] += entry.late_submission_penalty or 0.0
    return found


def grades(db: Any, chosen: Sequence[Any]) -> dict[str, dict[str, Any]]:
    """The grades of each submission, by its id and the cell's."""
    grade = api.Grade
    columns = grade.cell_id, grade.auto_score, grade.manual_score, grade.extra_credit, grade.needs_manual_grade
    query = select(api.SubmittedNotebook.assignment_id, *columns).join_from(
        grade, api.SubmittedNotebook, api.SubmittedNotebook.id == grade.notebook_id
    )
    found: dict[str, dict[str, Any]] = defaultdict(dict)
    for entry in db.execute(_of_notebooks(query).where(*chosen)):
        found[entry.assignment_id][entry.cell_id] = entry
    return found


def remarks(db: Any, chosen: Sequence[Any]) -> dict[str, list[tuple[str, str, str]]]:
    """Notebook, cell and text of the comments on each submission, by its id: the grader's own, or the automatic one."""
    comment, cell = api.Comment, api.BaseCell
    query = (
        select(
            api.SubmittedNotebook.assignment_id,
            api.Notebook.name.label("notebook"),
            cell.name.label("cell"),
            comment.auto_comment,
            comment.manual_comment,
        )
        .join_from(comment, cell, cell.id == comment.cell_id)
        .join(api.Notebook, api.Notebook.id == cell.notebook_id)
        .join(api.SubmittedNotebook, api.SubmittedNotebook.id == comment.notebook_id)
        .where(or_(comment.auto_comment.is_not(None), comment.manual_comment.is_not(None)))
    )
    found: dict[str, list[tuple[str, str, str]]] = defaultdict(list)
    for entry in db.execute(_of_notebooks(query).where(*chosen)):
        text = entry.manual_comment if entry.manual_comment is not None else entry.auto_comment
        if text:
            found[entry.assignment_id].append((entry.notebook, entry.cell, text))
    return found


def _of_notebooks(query: Any) -> Any:
    submitted = api.SubmittedAssignment
    return _of_submissions(query.join(submitted, submitted.id == api.SubmittedNotebook.assignment_id))


def _of_submissions(query: Any) -> Any:
    return query.join(api.Assignment, api.Assignment.id == api.SubmittedAssignment.assignment_id)
