"""Grade all that was submitted of an assignment: nbgrader's converter, several submissions at a time."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from pathlib import Path
from typing import Any

import nbformat
from nbgrader.api import Gradebook, MissingEntry
from nbgrader.converters import Autograde
from nbgrader.converters.base import NbGraderException
from nbgrader.coursedir import CourseDirectory
from traitlets.config import Config
from traitlets.config.loader import PyFileConfigLoader

from graders.engine.client import Engine
from graders.engine.report import Outcome
from graders.nbgrader_plugin import configure, find_alembic
from graders.nbgrader_plugin.execute import imports, read_template
from graders.nbgrader_plugin.rows import SubmissionRow
from graders.nbgrader_plugin.scores import STAMP
from torchmagic.errors import TorchmagicError

CONFIG_NAME = "nbgrader_config.py"
_RANK = {outcome.value: rank for rank, outcome in enumerate(Outcome)}


class EngineAutograde(Autograde):  # type: ignore[misc]
    """nbgrader's converter for one submission, with an engine that outlives it."""

    engine: Engine


def grade_assignment(
    course: Path,
    assignment: str,
    *,
    jobs: int = 1,
    students: Sequence[str] | None = None,
    force: bool = False,
    isolation: str | None = None,
    on_result: Callable[[SubmissionRow], None] = lambda row: None,
) -> list[SubmissionRow]:
    """Grade the submitted work of an assignment into the course's gradebook.

    Args:
        course: the course's root folder, with its ``nbgrader_config.py``.
        jobs: submissions in flight at a time.
        students: only these; None for all that submitted.
        force: grade again what was graded and has not changed since.
        isolation: overrides the configured one ("namespaces" or "process").
        on_result: called with each row as it is finished, from this thread.

    Returns:
        a row for each submission, by student.

    Raises:
        TorchmagicError: no course there, or no such assignment or student.
    """
    course = course.resolve()
    config = course_config(course)
    coursedir = CourseDirectory(config=config)
    find_alembic()
    _demand_assignment(coursedir, assignment)
    chosen = _submitted(coursedir, assignment, students)
    if isolation is not None:
        config.EngineExecute.isolation = isolation
    rows: list[SubmissionRow] = []
    with Engine(
        isolation=config.EngineExecute.get("isolation", "namespaces"),
        hidden=[course],
        preload=_preload(coursedir, assignment),
    ) as engine, ThreadPoolExecutor(max_workers=max(jobs, 1)) as pool:
        waiting: set[Future[SubmissionRow]] = {
            pool.submit(_grade_one, config, engine, assignment, student, force) for student in chosen
        }
        try:
            while waiting:
                done, waiting = wait(waiting, return_when=FIRST_COMPLETED)
                for future in done:
                    rows.append(future.result())
                    on_result(rows[-1])
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    return sorted(rows, key=lambda row: row.student)


def course_config(course: Path) -> Config:
    """The course's nbgrader configuration, with the engine's steps in it.

    Raises:
        TorchmagicError: the folder is no course, or its configuration does not load.
    """
    if not course.is_dir():
        raise TorchmagicError(f"There is no folder {course}.", hint="Make a course with `torchmagic course init DIR`.")
    if not (course / CONFIG_NAME).is_file():
        raise TorchmagicError(
            f"{course} is no nbgrader course: it has no {CONFIG_NAME}.",
            hint="Make one with `torchmagic course init DIR`, or name yours with `--course DIR`.",
        )
    try:
        config = PyFileConfigLoader(CONFIG_NAME, path=str(course)).load_config()
    except Exception as error:  # a configuration file is code and may raise anything
        raise TorchmagicError(
            f"{course / CONFIG_NAME} does not load ({type(error).__name__}: {error}).", hint="Mend that file."
        ) from error
    if "sanitize_preprocessors" not in config.Autograde:
        configure(config)
    config.CourseDirectory.root = str(course)
    return config


def _demand_assignment(coursedir: CourseDirectory, assignment: str) -> None:
    with Gradebook(coursedir.db_url, coursedir.course_id) as gradebook:
        known = sorted(entry.name for entry in gradebook.assignments if entry.notebooks)
    if assignment not in known:
        listed = f"It knows: {', '.join(known)}." if known else "It knows none yet."
        raise TorchmagicError(
            f"The gradebook has no assignment {assignment!r}. {listed}",
            hint="Make one known with `nbgrader generate_assignment NAME`.",
        )


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


def _preload(coursedir: CourseDirectory, assignment: str) -> list[str]:
    folder = Path(coursedir.format_path(coursedir.source_directory, ".", assignment))
    templates = [read_template(path) for path in sorted(folder.glob("*.ipynb"))]
    return list(dict.fromkeys(name for template in templates for name in imports(template)))


def _grade_one(config: Config, engine: Engine, assignment: str, student: str, force: bool) -> SubmissionRow:
    start = time.monotonic()
    config = Config(config)
    config.CourseDirectory.student_id = student
    config.CourseDirectory.assignment_id = assignment
    coursedir = CourseDirectory(config=config)
    submitted = Path(coursedir.format_path(coursedir.submitted_directory, student, assignment))
    autograded = Path(coursedir.format_path(coursedir.autograded_directory, student, assignment))
    notebooks = _notebook_names(coursedir, assignment)
    trouble = _unreadable(submitted, notebooks)
    if trouble is not None:
        return _row(coursedir, assignment, student, trouble[0], time.monotonic() - start, trouble[1])
    complete = all(_stamp(autograded / f"{name}.ipynb") for name in notebooks if (submitted / f"{name}.ipynb").exists())
    converter = EngineAutograde(coursedir=coursedir, config=config)
    converter.engine = engine
    converter.force = force or not complete
    try:
        converter.start()
    except NbGraderException as error:
        message = f"nbgrader could not take it: {error}"
        return _row(coursedir, assignment, student, "unreadable", time.monotonic() - start, message)
    stamps = [_stamp(autograded / f"{name}.ipynb") for name in notebooks]
    worst = max((s for s in stamps if s), key=lambda s: _RANK.get(s["outcome"], 0), default={"outcome": "missing"})
    return _row(coursedir, assignment, student, worst["outcome"], time.monotonic() - start, worst.get("message", ""))


def _notebook_names(coursedir: CourseDirectory, assignment: str) -> list[str]:
    with Gradebook(coursedir.db_url, coursedir.course_id) as gradebook:
        return sorted(notebook.name for notebook in gradebook.find_assignment(assignment).notebooks)


def _unreadable(folder: Path, notebooks: Iterable[str]) -> tuple[str, str] | None:
    """The outcome and the reason where a submission holds nothing that can be graded."""
    present = [folder / f"{name}.ipynb" for name in notebooks if (folder / f"{name}.ipynb").exists()]
    if not present:
        wanted = ", ".join(f"{name}.ipynb" for name in notebooks)
        return "missing", f"{folder} holds no {wanted}: ask the student to submit it"
    for path in present:
        why = _why_unreadable(path)
        if why:
            return "unreadable", f"{path.name} {why}: ask the student to submit it again"
    return None


def _why_unreadable(path: Path) -> str:
    if not path.is_file():
        return "is not a file"
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        return "is not text"
    except OSError as error:
        return f"cannot be read ({error.strerror})"
    try:
        data = json.loads(text)
    except (ValueError, RecursionError):
        return "is empty" if not text.strip() else "is not a notebook (no valid JSON; was it cut off?)"
    if not isinstance(data, dict) or not isinstance(data.get("nbformat"), int):
        return "is JSON but not a notebook"
    try:
        notebook = nbformat.reads(text, as_version=4)
        nbformat.validate(notebook)
    except Exception as error:  # nbformat's readers raise whatever a damaged structure leads to
        first = str(error).strip().splitlines()
        return f"is not a valid notebook ({first[0][:120] if first else type(error).__name__})"
    return ""


def _stamp(path: Path) -> dict[str, Any] | None:
    """How grading ended, from an autograded notebook; None where it was not completed."""
    try:
        stamp = json.loads(path.read_text(encoding="utf-8"))["metadata"][STAMP]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return stamp if isinstance(stamp, dict) and isinstance(stamp.get("outcome"), str) else None


def _row(
    coursedir: CourseDirectory, assignment: str, student: str, outcome: str, seconds: float, message: str
) -> SubmissionRow:
    with Gradebook(coursedir.db_url, coursedir.course_id) as gradebook:
        max_score = float(gradebook.find_assignment(assignment).max_score)
        try:
            score = float(gradebook.find_submission(assignment, student).score)
        except MissingEntry:
            score = None
    return SubmissionRow(student, score, max_score, outcome, seconds, message)
