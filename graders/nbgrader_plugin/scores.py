"""Write the engine's scores into the gradebook, and the outcome into the autograded notebook."""

from __future__ import annotations

from typing import Any

from nbformat.notebooknode import NotebookNode
from nbgrader.preprocessors import NbGraderPreprocessor, SaveAutoGrades

from graders.engine.report import Outcome, Report

STAMP = "torchmagic"


class SaveEngineGrades(SaveAutoGrades):  # type: ignore[misc]
    """nbgrader's own step, with the judge's scores instead of what a cell's outputs say."""

    _report: Report | None = None
    _index: dict[str, int]

    def preprocess(self, nb: NotebookNode, resources: dict[str, Any]) -> tuple[NotebookNode, dict[str, Any]]:
        """Save the scores of one notebook."""
        self._report = resources.get("torchmagic", {}).get("report")
        names = ((i, cell.metadata.get("nbgrader", {}).get("grade_id")) for i, cell in enumerate(nb.cells))
        self._index = {name: i for i, name in names if name}
        return super().preprocess(nb, resources)  # type: ignore[no-any-return]

    def _add_score(self, cell: NotebookNode, resources: dict[str, Any]) -> None:
        name = cell.metadata["nbgrader"]["grade_id"]
        entry = self._report.of(self._index[name]) if self._report is not None else None
        if entry is None or cell.metadata["nbgrader"]["solution"]:
            super()._add_score(cell, resources)
            return
        grade = self.gradebook.find_grade(name, self.notebook_id, self.assignment_id, self.student_id)
        if entry.outcome is Outcome.GRADER_ERROR:
            grade.needs_manual_grade = True  # the score stays what it was: the fault is not the student's
        else:
            grade.auto_score = entry.score
            grade.needs_manual_grade = grade.manual_score is not None
        self.gradebook.db.commit()


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
