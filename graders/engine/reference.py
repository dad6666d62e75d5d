"""The student's fault or the test's? The instructor's own solution tells: it is run once, when the question arises."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Callable
from dataclasses import asdict, replace

from graders.engine.report import Outcome, Report, Submission

IN_STUDENT_PROCESS = "mark the cell with a line `# in-student-process` to run it beside the student's code"


class References:
    """For each assignment, the test cells that refuse the instructor's own solution."""

    def __init__(self) -> None:
        self._known: dict[str, frozenset[str]] = {}
        self._lock = threading.Lock()

    def refused(self, submission: Submission, grade: Callable[[Submission], Report]) -> frozenset[str]:
        """The names of the test cells that ask of the solution's objects, too, what cannot be answered."""
        cells = json.dumps([asdict(cell) for cell in submission.template], sort_keys=True)
        key = hashlib.sha256(cells.encode("utf-8", "replace")).hexdigest()
        with self._lock:
            if key not in self._known:
                self._known[key] = self._run(submission, grade)
            return self._known[key]

    def _run(self, submission: Submission, grade: Callable[[Submission], Report]) -> frozenset[str]:
        report = grade(replace(submission, cells=submission.template, attempted=True))
        names = {cell.key: cell.name for cell in submission.template}
        return frozenset(
            names[cell.key]
            for cell in report.cells
            if cell.refused and cell.outcome is not Outcome.PASSED and names[cell.key]
        )
