"""Write the engine's scores into the gradebook, and the outcome into the autograded notebook."""

from __future__ import annotations

from typing import Any

from nbformat.notebooknode import NotebookNode
from nbgrader import utils
from nbgrader.api import Comment, Grade, Gradebook
from nbgrader.preprocessors import AssignLatePenalties, NbGraderPreprocessor, SaveAutoGrades
from sqlalchemy.orm import joinedload

from graders.engine.report import CellReport, Outcome, Report
from graders.nbgrader_plugin.gradebooks import gradebook_of

STAMP = "torchmagic"
_NO_RESPONSE = "No response."


class SaveEngineGrades(SaveAutoGrades):  # type: ignore[misc]
    """nbgrader's own step in one transaction, with the judge's scores instead of what a cell's outputs say."""

    def preprocess(self, nb: NotebookNode, resources: dict[str, Any]) -> tuple[NotebookNode, dict[str, Any]]:
        """Save the scores and automatic comments of one notebook."""
        report: Report | None = resources.get("torchmagic", {}).get("report")
        where = resources["nbgrader"]
        with gradebook_of(self, resources) as gradebook:
            entry = gradebook.find_submission_notebook(where["notebook"], where["assignment"], where["student"])
            grades = {grade.cell.name: grade for grade in _with_cells(gradebook, Grade, entry)}
            comments = {comment.cell.name: comment for comment in _with_cells(gradebook, Comment, entry)}
            for index, cell in enumerate(nb.cells):
                name = cell.metadata.get("nbgrader", {}).get("grade_id")
                if utils.is_grade(cell):
                    judged = report.of(index) if report is not None and not utils.is_solution(cell) else None
                    self._set_grade(grades[name], cell, judged)
                if utils.is_solution(cell) or utils.is_task(cell):
                    comments[name].auto_comment = _NO_RESPONSE if _unanswered(cell) else None
            gradebook.db.commit()
        return nb, resources

    def _set_grade(self, grade: Any, cell: NotebookNode, judged: CellReport | None) -> None:
        """As nbgrader does: a manual score stays, and asks for another look."""
        if judged is not None and judged.outcome is Outcome.GRADER_ERROR:
            grade.needs_manual_grade = True  # the score stays what it was: the fault is not the student's
            return
        grade.auto_score = utils.determine_grade(cell, self.log)[0] if judged is None else judged.score
        grade.needs_manual_grade = grade.manual_score is not None or grade.auto_score is None


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
                self.init_plugin()
                penalty = self.plugin_inst.late_submission_penalty(where["student"], entry.score, late)
            entry.late_submission_penalty = None if penalty is None else self._check_late_penalty(entry, penalty)
            gradebook.db.commit()
        return nb, resources


class StampOutcome(NbGraderPreprocessor):  # type: ignore[misc]
    """Last step: say in the notebook's metadata how grading ended; its presence says that grading was completed."""

    def preprocess(self, nb: NotebookNode, resources: dict[str, Any]) -> tuple[NotebookNode, dict[str, Any]]:
        """Stamp one notebook."""
        report: Report | None = resources.get("torchmagic", {}).get("report")
        if report is not None:
            nb.metadata[STAMP] = {
                "outcome": report.outcome.value,
                "message": report.message,
                "seconds": round(report.seconds, 4),
            }
        return nb, resources


def _with_cells(gradebook: Gradebook, kind: Any, entry: Any) -> list[Any]:
    """Grades or comments of a submitted notebook and their cells, in one query instead of one for each."""
    query = gradebook.db.query(kind).filter(kind.notebook_id == entry.id).options(joinedload(kind.cell))
    return list(query.all())


def _unanswered(cell: NotebookNode) -> bool:
    same = cell.metadata.nbgrader.get("checksum") == utils.compute_checksum(cell)
    return same and not utils.is_task(cell)
