"""Grade what arrives in the exchange, and answer it: a class gets its feedback within a minute of handing in."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from nbgrader.coursedir import CourseDirectory

from graders.nbgrader_plugin.config import course_config
from graders.nbgrader_plugin.course import Course
from graders.nbgrader_plugin.feedback_run import write_feedback
from graders.nbgrader_plugin.rows import SubmissionRow
from graders.nbgrader_plugin.session import Session
from graders.nbgrader_plugin.submissions import students_with
from torchmagic.errors import TorchmagicError

_Signature = tuple[tuple[str, int, int], ...]


@dataclass(frozen=True, slots=True)
class WatchOptions:
    """How to watch.

    Attributes:
        pause: seconds before the same student's work is run again: who hands in all the time does not hold up others.
        feedback: whether feedback is written and released.
    """

    pause: float = 60.0
    feedback: bool = True


class Watcher:
    """Watches one assignment.

    Args:
        folder: the course's root folder.
        session: what grades.
        on_result: called with each row that is not as it was before.
        notice: called with what the user should know while the watch goes on.

    Raises:
        TorchmagicError: no such course or assignment.
    """

    def __init__(
        self,
        folder: Path,
        session: Session,
        assignment: str,
        options: WatchOptions,
        *,
        on_result: Callable[[SubmissionRow], None],
        notice: Callable[[str], None],
    ) -> None:
        self._course = Course(folder)
        self._coursedir = CourseDirectory(config=course_config(folder))
        self._session = session
        session.prepare(session.package(assignment))
        self._assignment = assignment
        self._options = options
        self._on_result = on_result
        self._notice = notice
        self._collected: frozenset[str] | None = frozenset()
        self._seen: dict[str, _Signature] = {}
        self._ran: dict[str, float] = {}

    def look(self) -> int:
        """Collect, grade and answer what is new; gives how many submissions were graded.

        Raises:
            TorchmagicError: that is not possible now. What was finished is kept, and the next look goes on.
        """
        self._collect()
        due = self._due()
        if not due:
            return 0
        rows = []
        for row in self._session.grade(self._session.package(self._assignment), list(due)):
            self._seen[row.student] = due[row.student]
            if row.how == "run":
                self._ran[row.student] = time.monotonic()
            if row.how != "unchanged":
                self._on_result(row)
            rows.append(replace(row, result=None))
        if self._options.feedback:
            self._answer([row.student for row in rows if row.how != "not graded"])
        return sum(row.how in ("run", "stored") for row in rows)

    def _collect(self) -> None:
        """Collect from the exchange, where something lies there that did not before: nbgrader looks at all of it."""
        there = self._course.waiting(self._assignment)
        if there is None or there != self._collected:
            self._course.collect(self._assignment)
            self._collected = there

    def _due(self) -> dict[str, _Signature]:
        """Whose work is not what was graded, and may be run now; with what it looks like."""
        now = time.monotonic()
        due = {}
        for student in students_with(self._coursedir, self._coursedir.submitted_directory, self._assignment):
            signature = self._signature(student)
            resting = now - self._ran.get(student, float("-inf")) < self._options.pause
            if signature != self._seen.get(student) and not resting:
                due[student] = signature
        return due

    def _signature(self, student: str) -> _Signature:
        coursedir = self._coursedir
        folder = Path(coursedir.format_path(coursedir.submitted_directory, student, self._assignment))
        found = []
        with contextlib.suppress(OSError):  # it is just being replaced: the next look sees it
            for path in sorted(folder.iterdir()):
                facts = path.stat()
                found.append((path.name, facts.st_size, facts.st_mtime_ns))
        return tuple(found)

    def _answer(self, students: list[str]) -> None:
        for row in write_feedback(self._course.folder, self._assignment, students=students) if students else ():
            if row.outcome == "failed":
                self._notice(f"{row.student}: no feedback was written: {row.message}")
                continue
            if row.outcome == "unchanged":
                continue
            try:
                self._course.release_feedback(self._assignment, row.student)
            except TorchmagicError as error:
                self._notice(f"{row.student}: {error}")
