"""A course folder, worked through nbgrader: generate, release, fetch, submit, collect, feedback, gradebook."""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Callable, Iterator
from copy import deepcopy
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from nbgrader.api import Gradebook
from nbgrader.converters import GenerateAssignment
from nbgrader.coursedir import CourseDirectory

from graders.nbgrader_plugin import find_alembic
from graders.nbgrader_plugin.config import course_config
from graders.nbgrader_plugin.exchange import StudentExchange, exchange_step
from graders.nbgrader_plugin.feedback_run import write_feedback
from graders.nbgrader_plugin.gradebooks import demand_assignment, open_gradebooks
from graders.nbgrader_plugin.rows import FeedbackRow
from graders.nbgrader_plugin.said import saying_why
from graders.nbgrader_plugin.writer import GradebookWriter
from torchmagic.errors import TorchmagicError


@dataclass(frozen=True)
class GradebookEntry:
    """What gradebook.db holds of one submission: points got (less a late penalty), and points that there are."""

    student: str
    score: float
    max_score: float
    needs_manual_grade: bool


class Course:
    """One course folder.

    Args:
        folder: the course's root, with its ``nbgrader_config.py``.

    Raises:
        TorchmagicError: the folder is no course, or its configuration does not load.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder.resolve()
        self._config = course_config(self.folder)
        find_alembic()

    @property
    def gradebook(self) -> str:
        """Where the gradebook is: a path for SQLite, else the address of its database without a password."""
        url = str(self._coursedir().db_url)
        return url.removeprefix("sqlite:///") if url.startswith("sqlite") else re.sub(r":[^:@/]*@", ":***@", url)

    @property
    def feedback_folder(self) -> Path:
        """Where nbgrader writes feedback."""
        directory = self._coursedir()
        return Path(directory.format_path(directory.feedback_directory, "*", "*").split("*", 1)[0])

    def sources(self) -> list[str]:
        """Names of the assignments that have a source notebook."""
        directory = self._coursedir()
        root = Path(directory.format_path(directory.source_directory, ".", "*").split("*", 1)[0])
        return sorted({path.parent.name for path in root.glob("*/*.ipynb")})

    def generate(self, assignment: str) -> None:
        """Generate the student version of an assignment, and make it known to the gradebook."""
        app = GenerateAssignment(coursedir=self._coursedir(assignment), config=self._config)
        app.force = True
        self._run(app, f"generate {assignment!r}")

    def release(self, assignment: str) -> None:
        """Put the generated student version of an assignment into the exchange."""
        app = exchange_step(self._config, "ReleaseAssignment", self._coursedir(assignment))
        app.force = True
        self._run(app, f"release {assignment!r}")

    def set_due(self, assignment: str, when: datetime) -> None:
        """Say in the gradebook when an assignment is due.

        Args:
            when: with its time zone.

        Raises:
            TorchmagicError: the gradebook does not know the assignment.
        """
        with self._gradebook_with(assignment) as gradebook:
            gradebook.update_or_create_assignment(assignment, duedate=when)

    def student_exchange(self, assignment: str) -> StudentExchange:
        """Where students fetch and submit an assignment."""
        return StudentExchange(self._config, self._coursedir(assignment))

    def collect(self, assignment: str) -> None:
        """Collect every student's latest submission from the exchange."""
        app = exchange_step(self._config, "Collect", self._coursedir(assignment))
        app.update = True
        self._run(app, f"collect {assignment!r}")

    def release_feedback(self, assignment: str, student: str) -> None:
        """Put the feedback of one student into the exchange."""
        what = f"release the feedback of {assignment!r} for {student}"
        directory = self._coursedir(assignment)
        directory.student_id = student
        try:
            self._run(exchange_step(self._config, "ReleaseFeedback", directory), what)
        except OSError as error:
            raise TorchmagicError(
                f"nbgrader could not {what} in {self.folder}: no {error.filename}.",
                hint="Only work that came through the exchange can be answered through it.",
            ) from error

    def waiting(self, assignment: str) -> frozenset[str] | None:
        """The names of what lies in the exchange for an assignment; None where the exchange is no folder."""
        app = exchange_step(self._config, "Collect", self._coursedir(assignment))
        inbound = Path(str(getattr(app, "root", "")), app.coursedir.course_id, "inbound")
        if not inbound.is_dir():
            return None
        return frozenset(name for name in os.listdir(inbound) if f"+{assignment}+" in name)

    def write_feedback(
        self, assignment: str, *, jobs: int = 1, on_result: Callable[[FeedbackRow], None] = lambda row: None
    ) -> list[Path]:
        """Write the feedback of every graded submission; gives its files.

        Args:
            jobs: processes to write it with; 1 for this one.
            on_result: called with what became of each student's feedback.

        Raises:
            TorchmagicError: some of it could not be written; the rest was.
        """
        rows = write_feedback(self.folder, assignment, jobs=jobs, force=True, on_result=on_result)
        failed = [row for row in rows if row.outcome == "failed"]
        if failed:
            raise TorchmagicError(
                f"The feedback of {assignment!r} for {', '.join(row.student for row in failed)} was not written: "
                f"{failed[0].message}.",
                hint=f"Write it again when that is mended: `torchmagic feedback {assignment}`.",
            )
        return [path for row in rows for path in row.files]

    def scores(self, assignment: str) -> dict[str, GradebookEntry]:
        """What the gradebook holds of an assignment, by student.

        Raises:
            TorchmagicError: the gradebook does not know the assignment.
        """
        directory = self._coursedir()
        with GradebookWriter(directory.db_url, directory.course_id, assignment, config=self._config) as gradebook:
            found = gradebook.scores()
        return {
            student: GradebookEntry(student, held.score, held.max_score, held.needs_manual_grade)
            for student, held in sorted(found.items())
        }

    @contextlib.contextmanager
    def _gradebook_with(self, assignment: str) -> Iterator[Gradebook]:
        directory = self._coursedir()
        gradebooks = open_gradebooks(directory.db_url, directory.course_id)
        try:
            with gradebooks.open() as gradebook:
                demand_assignment(gradebook, assignment)
                yield gradebook
        finally:
            gradebooks.close()

    def _coursedir(self, assignment: str | None = None) -> CourseDirectory:
        config = deepcopy(self._config)  # sections are shared otherwise
        if assignment is not None:
            config.CourseDirectory.assignment_id = assignment
        return CourseDirectory(config=config)

    def _run(self, app: Any, what: str) -> None:
        with saying_why(what, self.folder):
            app.start()
