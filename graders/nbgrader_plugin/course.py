"""A course folder, worked through nbgrader: generate, release, fetch, submit, collect, feedback, gradebook."""

from __future__ import annotations

import contextlib
import logging
import re
from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nbgrader.api import Gradebook, MissingEntry
from nbgrader.auth import Authenticator
from nbgrader.converters import GenerateAssignment, GenerateFeedback
from nbgrader.converters.base import NbGraderException
from nbgrader.coursedir import CourseDirectory
from nbgrader.exchange import ExchangeError, ExchangeFactory
from traitlets.log import get_logger

from graders.nbgrader_plugin import find_alembic
from graders.nbgrader_plugin.config import CONFIG_NAME, course_config
from graders.nbgrader_plugin.gradebooks import final_score
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
        app = self._exchange("ReleaseAssignment", self._coursedir(assignment))
        app.force = True
        self._run(app, f"release {assignment!r}")

    def fetch(self, student: str, assignment: str, home: Path) -> Path:
        """Fetch an assignment into a student's own folder, as ``nbgrader fetch_assignment`` does."""
        app = self._exchange("FetchAssignment", self._coursedir(assignment, student))
        app.assignment_dir = str(home)
        self._run(app, f"fetch {assignment!r} for {student}")
        return home / assignment

    def submit(self, student: str, assignment: str, home: Path) -> None:
        """Submit what a student's own folder holds, as ``nbgrader submit`` does."""
        app = self._exchange("Submit", self._coursedir(assignment, student))
        app.assignment_dir = str(home)
        self._run(app, f"submit {assignment!r} of {student}")

    def collect(self, assignment: str) -> None:
        """Collect every student's latest submission from the exchange."""
        app = self._exchange("Collect", self._coursedir(assignment))
        app.update = True
        self._run(app, f"collect {assignment!r}")

    def write_feedback(self, assignment: str) -> list[Path]:
        """Write the feedback of every graded submission; gives its files."""
        config = deepcopy(self._config)  # sections are shared otherwise
        config.HTMLExporter.template_name = "feedback"
        directory = self._coursedir(assignment)
        app = GenerateFeedback(coursedir=directory, config=config)
        app.force = True
        self._run(app, f"write the feedback of {assignment!r}")
        pattern = directory.format_path(directory.feedback_directory, "*", assignment)
        return sorted(Path("/").glob(pattern.lstrip("/") + "/*.html"))

    def scores(self, assignment: str) -> dict[str, GradebookEntry]:
        """What the gradebook holds of an assignment, by student.

        Raises:
            TorchmagicError: the gradebook does not know the assignment.
        """
        directory = self._coursedir()
        with Gradebook(directory.db_url, directory.course_id) as gradebook:
            try:
                gradebook.find_assignment(assignment)
            except MissingEntry:
                raise TorchmagicError(
                    f"The gradebook of {self.folder} has no assignment {assignment!r}.",
                    hint="Make it known with `nbgrader generate_assignment NAME`.",
                ) from None
            entries = [
                GradebookEntry(s.student.id, final_score(s), float(s.max_score), bool(s.needs_manual_grade))
                for s in gradebook.assignment_submissions(assignment)
            ]
        return {entry.student: entry for entry in sorted(entries, key=lambda entry: entry.student)}

    def _coursedir(self, assignment: str | None = None, student: str | None = None) -> CourseDirectory:
        config = deepcopy(self._config)  # sections are shared otherwise
        if assignment is not None:
            config.CourseDirectory.assignment_id = assignment
        if student is not None:
            config.CourseDirectory.student_id = student
        return CourseDirectory(config=config)

    def _exchange(self, action: str, directory: CourseDirectory) -> Any:
        factory = ExchangeFactory(config=self._config)
        authenticator = Authenticator(config=self._config)
        return getattr(factory, action)(coursedir=directory, authenticator=authenticator, config=self._config)

    def _run(self, app: Any, what: str) -> None:
        with _last_error() as reasons:
            try:
                app.start()
            except (NbGraderException, ExchangeError) as error:
                said = reasons[-1] if reasons else str(error)
                raise TorchmagicError(
                    f"nbgrader could not {what} in {self.folder}: {said.rstrip('.')}.",
                    hint=f"Mend what it names; the settings are in {CONFIG_NAME}.",
                ) from error


@contextlib.contextmanager
def log_to(path: Path) -> Iterator[None]:
    """Write what nbgrader logs to a file, and nothing of it to the terminal, while the context lasts."""
    handler = logging.FileHandler(path, encoding="utf-8")
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    logger = _logger()
    before = logger.level, logger.propagate
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    logger.propagate = False
    try:
        yield
    finally:
        logger.removeHandler(handler)
        handler.close()
        logger.setLevel(before[0])
        logger.propagate = before[1]


@contextlib.contextmanager
def _last_error() -> Iterator[list[str]]:
    """Collect the last line of each error that nbgrader logs: its exceptions only say that it failed."""
    reasons: list[str] = []

    class Keep(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            lines = [line for line in record.getMessage().splitlines() if line.strip()]
            if lines:
                reasons.append(lines[-1].strip()[:300])

    handler = Keep(logging.ERROR)
    logger = _logger()
    logger.addHandler(handler)
    try:
        yield reasons
    finally:
        logger.removeHandler(handler)


def _logger() -> logging.Logger:
    logger = get_logger()
    return logger if isinstance(logger, logging.Logger) else logger.logger
