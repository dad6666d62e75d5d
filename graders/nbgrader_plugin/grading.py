"""One grading run: which submissions there are, and what becomes of each in files and gradebook."""

from __future__ import annotations

import contextlib
import logging
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from nbgrader.api import MissingEntry
from nbgrader.converters.base import NbGraderException
from nbgrader.coursedir import CourseDirectory
from traitlets.config import Config

from graders.engine.client import Engine
from graders.engine.needs import Needs, read_needs
from graders.engine.report import Outcome, Report
from graders.nbgrader_plugin.converter import EngineAutograde
from graders.nbgrader_plugin.execute import read_template
from graders.nbgrader_plugin.gradebooks import Gradebooks, final_score, open_gradebooks
from graders.nbgrader_plugin.rows import SubmissionRow
from graders.nbgrader_plugin.stamp import read_stamp
from graders.nbgrader_plugin.unreadable import why_not_taken, why_unreadable
from torchmagic.errors import TorchmagicError

_RANK = {outcome.value: rank for rank, outcome in enumerate(Outcome)}


@contextlib.contextmanager
def open_run(config: Config, engine: Engine, assignment: str, *, force: bool) -> Iterator[Run]:
    """A grading run over one assignment, with one pool of database connections.

    Raises:
        TorchmagicError: the gradebook cannot be opened, or knows no such assignment.
    """
    coursedir = CourseDirectory(config=config)
    gradebooks = open_gradebooks(coursedir.db_url, coursedir.course_id, assignment)
    try:
        engine.preload(_needs(coursedir, assignment))
        yield Run(config, coursedir, engine, gradebooks, assignment, force)
    finally:
        gradebooks.close()


def _submitted(coursedir: CourseDirectory, assignment: str, students: Sequence[str] | None) -> list[str]:
    pattern = coursedir.format_path(coursedir.submitted_directory, "*", assignment)
    root = Path(pattern.split("*", 1)[0])
    tail = pattern.split("*", 1)[1].strip("/")
    found = sorted(p.name for p in root.iterdir() if (p / tail).is_dir()) if root.is_dir() else []
    if students is None:
        if not found:
            raise TorchmagicError(
                f"Nobody has submitted {assignment!r}: {root} holds no such folder.",
                hint="Collect with `nbgrader collect`, or put work into submitted/STUDENT/ASSIGNMENT/.",
            )
        return found
    for student in students:
        if student not in found:
            raise TorchmagicError(
                f"Student {student!r} has not submitted {assignment!r}: there is no {root / student / tail}.",
                hint=f"Submitted have: {', '.join(found) or 'nobody'}.",
            )
    return list(dict.fromkeys(students))


def _needs(coursedir: CourseDirectory, assignment: str) -> Needs:
    folder = Path(coursedir.format_path(coursedir.source_directory, ".", assignment))
    return read_needs(cell for path in sorted(folder.glob("*.ipynb")) for cell in read_template(path))


class _Log(logging.Logger):
    """Keeps the reason of the last failure that nbgrader logs, and passes everything on at debug level."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.reason = ""

    def handle(self, record: logging.LogRecord) -> None:
        """Take one record."""
        lines = record.getMessage().strip().splitlines()
        if record.levelno >= logging.ERROR and lines and lines[0].startswith("Traceback"):
            self.reason = lines[-1][:300]
        logging.getLogger("torchmagic.grade").debug("%s: %s", record.levelname, record.getMessage())


@dataclass(frozen=True)
class Run:
    """What is the same for every submission of one run."""

    config: Config
    coursedir: CourseDirectory
    engine: Engine
    gradebooks: Gradebooks
    assignment: str
    force: bool

    def submitted(self, students: Sequence[str] | None) -> list[str]:
        """The students to grade: those named, or all that submitted.

        Raises:
            TorchmagicError: nobody submitted, or one of those named did not.
        """
        return _submitted(self.coursedir, self.assignment, students)

    def grade(self, student: str) -> SubmissionRow:
        """Grade one student's submission; whatever is wrong with it ends up in its row."""
        start = time.monotonic()
        config = Config(self.config)
        config.CourseDirectory.student_id = student
        config.CourseDirectory.assignment_id = self.assignment
        coursedir = CourseDirectory(config=config)
        submitted = Path(coursedir.format_path(coursedir.submitted_directory, student, self.assignment))
        autograded = Path(coursedir.format_path(coursedir.autograded_directory, student, self.assignment))
        with self.gradebooks.open() as gradebook:
            names = sorted(notebook.name for notebook in gradebook.find_assignment(self.assignment).notebooks)
        trouble = _unreadable(submitted, names)
        if trouble is not None:
            return self._row(student, *trouble, time.monotonic() - start)
        present = [name for name in names if (submitted / f"{name}.ipynb").exists()]
        log = _Log(f"torchmagic.grade.{self.assignment}.{student}")
        converter = EngineAutograde(coursedir=coursedir, config=config, log=log)
        converter.engine = self.engine
        converter.gradebooks = self.gradebooks
        converter.force = self.force or not all(read_stamp(autograded / f"{name}.ipynb") for name in present)
        try:
            converter.start()
        except NbGraderException as error:
            seconds = time.monotonic() - start
            if converter.refused is not None:
                return self._row(student, *converter.refused, seconds)
            return self._row(student, Outcome.GRADER_ERROR.value, f"not graded: {log.reason or error}", seconds)
        except TorchmagicError:
            raise
        except Exception as error:  # of one submission: the others are graded all the same
            log.exception("%s was not graded", student)
            why = f"not graded: {type(error).__name__}: {error}"
            return self._row(student, Outcome.GRADER_ERROR.value, why, time.monotonic() - start)
        row = self._row(student, *_worst(converter.reports, autograded, names), _seconds(converter.reports))
        return replace(row, not_tamper_proof=_not_tamper_proof(autograded, names))

    def _row(self, student: str, outcome: str, message: str, seconds: float) -> SubmissionRow:
        with self.gradebooks.open() as gradebook:
            max_score = self.gradebooks.once(
                self.assignment, lambda: float(gradebook.find_assignment(self.assignment).max_score)
            )
            try:
                score = final_score(gradebook.find_submission(self.assignment, student))
            except MissingEntry:
                score = None
        return SubmissionRow(student, score, max_score, outcome, seconds, message)


def _worst(reports: Sequence[Report], autograded: Path, notebooks: Iterable[str]) -> tuple[str, str]:
    """The outcome and the reason of the notebook that ended worst: graded now, or in an earlier run."""
    ends = [(report.outcome.value, report.message) for report in reports]
    stamps = [read_stamp(autograded / f"{name}.ipynb") for name in notebooks]
    ends += [(stamp["outcome"], str(stamp.get("message", ""))) for stamp in stamps if stamp]
    return max(ends, key=lambda end: _RANK[end[0]], default=("missing", ""))


def _not_tamper_proof(autograded: Path, notebooks: Iterable[str]) -> tuple[str, ...]:
    stamps = [read_stamp(autograded / f"{name}.ipynb") or {} for name in notebooks]
    return tuple(str(name) for stamp in stamps for name in stamp.get("not_tamper_proof", ()))


def _seconds(reports: Sequence[Report]) -> float:
    return sum(report.seconds for report in reports)


def _unreadable(folder: Path, notebooks: Iterable[str]) -> tuple[str, str] | None:
    """The outcome and the reason where a submission holds nothing that can be graded."""
    present = [folder / f"{name}.ipynb" for name in notebooks if (folder / f"{name}.ipynb").exists()]
    if not present:
        wanted = ", ".join(f"{name}.ipynb" for name in notebooks)
        return "missing", f"{folder} holds no {wanted}: ask the student to submit it"
    for path in present:
        why = why_unreadable(path) or why_not_taken(path)
        if why:
            return "unreadable", f"{path.name} {why}: ask the student to submit it again"
    return None
