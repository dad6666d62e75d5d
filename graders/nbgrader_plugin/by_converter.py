"""Grade through nbgrader's own converter what a task cannot do: other languages, a course's own steps and hooks."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from nbgrader.api import MissingEntry
from nbgrader.converters.base import NbGraderException
from nbgrader.coursedir import CourseDirectory
from traitlets.config import Config

from graders.engine.client import Engine
from graders.engine.report import Outcome, Report
from graders.graded import MISSING, UNREADABLE
from graders.nbgrader_plugin.converter import EngineAutograde
from graders.nbgrader_plugin.gradebooks import Gradebooks, final_score
from graders.nbgrader_plugin.rows import SubmissionRow
from graders.nbgrader_plugin.stamp import read_stamp
from graders.nbgrader_plugin.submissions import why_not_read
from graders.nbgrader_plugin.unreadable import why_unreadable
from torchmagic.errors import TorchmagicError

_RANK = {outcome.value: rank for rank, outcome in enumerate(Outcome)}


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
class ConverterRun:
    """What is the same for every submission of one run."""

    config: Config
    coursedir: CourseDirectory
    engine: Engine
    gradebooks: Gradebooks
    assignment: str
    fresh: bool

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
        converter.force = self.fresh or not all(read_stamp(autograded / f"{name}.ipynb") for name in present)
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
    return max(ends, key=lambda end: _RANK[end[0]], default=(MISSING, ""))


def _not_tamper_proof(autograded: Path, notebooks: Iterable[str]) -> tuple[str, ...]:
    stamps = [read_stamp(autograded / f"{name}.ipynb") or {} for name in notebooks]
    return tuple(str(name) for stamp in stamps for name in stamp.get("not_tamper_proof", ()))


def _seconds(reports: Sequence[Report]) -> float:
    return sum(report.seconds for report in reports)


def _unreadable(folder: Path, notebooks: Sequence[str]) -> tuple[str, str] | None:
    """The outcome and the reason where a submission holds nothing that can be graded."""
    trouble = why_not_read(folder, notebooks)
    if trouble is not None:
        return trouble
    for path in (folder / f"{name}.ipynb" for name in notebooks):
        why = why_unreadable(path) if path.exists() else ""
        if why:
            return UNREADABLE, f"{path.name} {why}: ask the student to submit it again"
    return None
