"""Grades as a feedback page shows them: read from the gradebook at once for all who submitted, then plain data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from nbformat.notebooknode import NotebookNode
from nbgrader import utils
from nbgrader.api import (
    Assignment,
    BaseCell,
    Comment,
    Grade,
    Gradebook,
    MissingEntry,
    SubmittedAssignment,
    SubmittedNotebook,
)
from nbgrader.api import Notebook as KnownNotebook
from nbgrader.preprocessors import GetGrades, NbGraderPreprocessor


@dataclass(frozen=True)
class NotebookGrades:
    """What the gradebook holds of one submitted notebook.

    Attributes:
        score, max_score: of the whole notebook, before the penalty.
        late_penalty: None where there is none.
        scores: by grade_id, points got and points that there are.
        comments: by grade_id.
    """

    score: float
    max_score: float
    late_penalty: float | None
    scores: dict[str, tuple[float | None, float]] = field(default_factory=dict)
    comments: dict[str, str | None] = field(default_factory=dict)


def read_grades(gradebook: Gradebook, assignment: str) -> dict[str, dict[str, NotebookGrades]]:
    """The grades of all submissions of an assignment, by student and notebook."""

    def ask(*columns: Any) -> Any:
        return gradebook.db.query(*columns)

    def of_assignment(query: Any) -> Any:
        return (
            query.join(SubmittedAssignment, SubmittedNotebook.assignment_id == SubmittedAssignment.id)
            .join(Assignment, SubmittedAssignment.assignment_id == Assignment.id)
            .filter(Assignment.name == assignment)
        )

    found: dict[str, dict[str, NotebookGrades]] = {}
    by_id: dict[str, NotebookGrades] = {}
    notebooks = ask(
        SubmittedNotebook.id,
        SubmittedAssignment.student_id,
        KnownNotebook.name,
        SubmittedNotebook.score,
        SubmittedNotebook.max_score,
        SubmittedNotebook.late_submission_penalty,
    ).select_from(SubmittedNotebook)
    notebooks = notebooks.join(KnownNotebook, SubmittedNotebook.notebook_id == KnownNotebook.id)
    for key, student, name, score, max_score, penalty in of_assignment(notebooks):
        by_id[key] = found.setdefault(student, {})[name] = NotebookGrades(score, max_score, penalty)
    grades = ask(Grade.notebook_id, BaseCell.name, Grade.score, Grade.max_score).select_from(Grade)
    grades = grades.join(BaseCell, Grade.cell_id == BaseCell.id)
    for key, name, score, max_score in of_assignment(
        grades.join(SubmittedNotebook, Grade.notebook_id == SubmittedNotebook.id)
    ):
        by_id[key].scores[name] = score, max_score
    comments = ask(Comment.notebook_id, BaseCell.name, Comment.comment).select_from(Comment)
    comments = comments.join(BaseCell, Comment.cell_id == BaseCell.id)
    for key, name, comment in of_assignment(
        comments.join(SubmittedNotebook, Comment.notebook_id == SubmittedNotebook.id)
    ):
        by_id[key].comments[name] = comment
    return found


class GivenGrades(GetGrades):  # type: ignore[misc]
    """nbgrader's own step, with grades that were read before in place of a database."""

    grades: Mapping[str, NotebookGrades] = {}

    def preprocess(self, nb: NotebookNode, resources: dict[str, Any]) -> tuple[NotebookNode, dict[str, Any]]:
        """Put the grades into one notebook."""
        where = resources["nbgrader"]
        given = self.grades.get(where["notebook"])
        if given is None:
            raise MissingEntry(
                f"the gradebook has no grades of {where['student']}'s {where['assignment']}/{where['notebook']}.ipynb"
            )
        self.given = given
        nb, resources = NbGraderPreprocessor.preprocess(self, nb, resources)
        penalty = given.late_penalty
        if penalty is not None:
            self.log.warning("Late submission penalty: %s", penalty)
        where = resources["nbgrader"]
        where["score"] = given.score - (penalty or 0)
        where["max_score"] = given.max_score
        where["late_penalty"] = penalty or 0
        return nb, resources

    def preprocess_cell(
        self, cell: NotebookNode, resources: dict[str, Any], cell_index: int
    ) -> tuple[NotebookNode, dict[str, Any]]:
        """Put the grades into one cell."""
        name = cell.metadata.get("nbgrader", {}).get("grade_id")
        if utils.is_solution(cell) or utils.is_task(cell):
            cell.metadata.nbgrader["comment"] = self._found(self.given.comments, name)
        if utils.is_grade(cell) or utils.is_task(cell):
            cell.metadata.nbgrader["score"], cell.metadata.nbgrader["points"] = self._found(self.given.scores, name)
        return cell, resources

    def _found(self, given: Mapping[str, Any], name: str) -> Any:
        if name not in given:
            raise MissingEntry(f"the gradebook has no cell {name!r} of this notebook: grade it again")
        return given[name]
