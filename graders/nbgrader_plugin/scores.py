"""Write the engine's scores into the gradebook, and the penalties for late work."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from logging import Logger
from types import SimpleNamespace
from typing import Any

from nbformat.notebooknode import NotebookNode
from nbgrader import utils
from nbgrader.api import Comment, Grade, Gradebook
from nbgrader.preprocessors import AssignLatePenalties, SaveAutoGrades
from sqlalchemy.orm import joinedload

from graders.engine.report import Outcome, Report
from graders.nbgrader_plugin.gradebooks import gradebook_of

_NO_RESPONSE = "No response."


@dataclass(frozen=True, slots=True)
class Scores:
    """What a graded notebook says to the gradebook.

    Attributes:
        scores: by grade_id, the automatic score; None asks for grading by hand.
        kept: the grade_ids of tests that failed by themselves: their scores stay what they were, and ask for a look.
        comments: by grade_id, the automatic comment of each solution or task cell.
        full_marks: whether each test cell got all its points.
    """

    scores: Mapping[str, float | None]
    kept: tuple[str, ...]
    comments: Mapping[str, str | None]
    full_marks: bool


def scores_of(nb: NotebookNode, report: Report | None, log: Logger | None = None) -> Scores:
    """The scores of a graded notebook: the judge's; by its outputs where there is no report."""
    scores: dict[str, float | None] = {}
    comments: dict[str, str | None] = {}
    kept = []
    full_marks = True
    for index, cell in enumerate(nb.cells):
        name = cell.metadata.get("nbgrader", {}).get("grade_id")
        if utils.is_grade(cell):
            judged = report.of(index) if report is not None and not utils.is_solution(cell) else None
            if judged is not None and judged.outcome is Outcome.GRADER_ERROR:
                kept.append(name)
            else:
                scores[name] = score_of_outputs(cell, log) if judged is None else judged.score
            if not utils.is_solution(cell) and (scores.get(name) or 0.0) < float(cell.metadata.nbgrader["points"]):
                full_marks = False
        if utils.is_solution(cell) or utils.is_task(cell):
            comments[name] = _NO_RESPONSE if _unanswered(cell) else None
    return Scores(scores, tuple(kept), comments, full_marks)


class SaveEngineGrades(SaveAutoGrades):  # type: ignore[misc]
    """nbgrader's own step in one transaction, with the judge's scores instead of what a cell's outputs say."""

    def preprocess(self, nb: NotebookNode, resources: dict[str, Any]) -> tuple[NotebookNode, dict[str, Any]]:
        """Save the scores and automatic comments of one notebook."""
        told = resources.setdefault("torchmagic", {})
        report: Report | None = told.get("report")
        found = scores_of(nb, report, self.log)
        told["full marks"] = found.full_marks
        where = resources["nbgrader"]
        with gradebook_of(self, resources) as gradebook:
            entry = gradebook.find_submission_notebook(where["notebook"], where["assignment"], where["student"])
            grades = {grade.cell.name: grade for grade in _with_cells(gradebook, Grade, entry)}
            comments = {comment.cell.name: comment for comment in _with_cells(gradebook, Comment, entry)}
            for name, score in found.scores.items():
                self._set_grade(grades[name], score)
            for name in found.kept:  # the score stays what it was: the fault is not the student's
                grades[name].needs_manual_grade = True
            for name, comment in found.comments.items():
                comments[name].auto_comment = comment
            gradebook.db.commit()
        return nb, resources

    def _set_grade(self, grade: Any, score: float | None) -> None:
        """As nbgrader does: a manual score stays, and asks for another look."""
        grade.auto_score = score
        grade.needs_manual_grade = grade.manual_score is not None or score is None


class EngineLatePenalties(AssignLatePenalties):  # type: ignore[misc]
    """nbgrader's own step, on the shared connection pool; ``AssignLatePenalties.plugin_class`` counts as ever."""

    def preprocess(self, nb: NotebookNode, resources: dict[str, Any]) -> tuple[NotebookNode, dict[str, Any]]:
        """Set the late penalty of one notebook, or take it away."""
        where = resources["nbgrader"]
        with gradebook_of(self, resources) as gradebook:
            entry = gradebook.find_submission_notebook(where["notebook"], where["assignment"], where["student"])
            late = entry.assignment.total_seconds_late
            penalty = None
            if late > 0:
                penalty = self.find(where["student"], entry.score, late)
                self.log.warning(
                    "%s.ipynb of %s is late: %g of %g points are taken off",
                    *(where["notebook"], where["student"], penalty or 0, entry.score),
                )
            entry.late_submission_penalty = penalty
            gradebook.db.commit()
        return nb, resources

    def find(self, student: str, score: float, seconds: float) -> float | None:
        """What the plugin takes off, within the score; None where it takes nothing.

        Args:
            score: of the notebook, whether given by tests or by hand.
            seconds: by how much it is late, more than 0.

        Raises:
            Exception: whatever the plugin raises.
            ValueError: its penalty is not a number.
        """
        self.init_plugin()
        penalty = self.plugin_inst.late_submission_penalty(student, score, seconds)
        if penalty is None:
            return None
        penalty = float(penalty)
        if math.isnan(penalty):
            raise ValueError(f"the penalty for {student} is nan: mend the plugin that AssignLatePenalties names")
        return float(self._check_late_penalty(SimpleNamespace(score=score), penalty))


def score_of_outputs(cell: NotebookNode, log: Logger | None = None) -> float | None:
    """A grade cell's points by its outputs, for notebooks that a kernel ran: nbgrader's own rule, within [0, points].

    There, a partial credit of nan or less than 0 counts as full marks, and one above the points stops the grading.
    Standard error costs the points as in nbgrader: some kernels report errors nowhere else.
    """
    if utils.is_solution(cell) or cell.cell_type != "code":
        return _float(utils.determine_grade(cell, log)[0])
    points = float(cell.metadata.nbgrader["points"])
    for output in cell.outputs:
        if output.output_type == "error" or (output.output_type == "stream" and output.name == "stderr"):
            return 0.0
        if output.output_type == "execute_result":
            shown = output.data.get("text/plain", "")
            return partial_credit("".join(shown) if isinstance(shown, list) else shown, points)
    return points


def partial_credit(text: str, points: float) -> float:
    """The points for a test cell whose value is displayed as ``text``; what is no number counts as full marks.

    >>> [partial_credit(text, 2.0) for text in ("1.5", "7", "-1", "nan", "inf", "'1'", "True")]
    [1.5, 2.0, 0.0, 0.0, 2.0, 2.0, 2.0]
    """
    try:
        number = float(text)
    except ValueError:
        return points
    return 0.0 if math.isnan(number) else min(max(number, 0.0), points)


def _float(score: Any) -> float | None:
    return None if score is None else float(score)


def _with_cells(gradebook: Gradebook, kind: Any, entry: Any) -> list[Any]:
    """Grades or comments of a submitted notebook and their cells, in one query instead of one for each."""
    query = gradebook.db.query(kind).filter(kind.notebook_id == entry.id).options(joinedload(kind.cell))
    return list(query.all())


def _unanswered(cell: NotebookNode) -> bool:
    same = cell.metadata.nbgrader.get("checksum") == utils.compute_checksum(cell)
    return same and not utils.is_task(cell)
