"""Write nbgrader's feedback for all who were graded: in several processes, and only what is not up to date."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path

from nbgrader.coursedir import CourseDirectory

from graders.nbgrader_plugin import find_alembic
from graders.nbgrader_plugin.config import CONFIG_NAME, course_config
from graders.nbgrader_plugin.feedback_page import Page
from graders.nbgrader_plugin.feedback_pool import start_early, write_pages
from graders.nbgrader_plugin.given_grades import NotebookGrades, read_grades
from graders.nbgrader_plugin.gradebooks import open_gradebooks
from graders.nbgrader_plugin.rows import FeedbackRow
from torchmagic.errors import TorchmagicError

_MADE_WITH = tuple(version(name) for name in ("torchmagic", "nbgrader", "nbconvert", "Pygments", "mistune"))


def write_feedback(
    course: Path,
    assignment: str,
    *,
    jobs: int = 1,
    students: Sequence[str] | None = None,
    force: bool = False,
    on_start: Callable[[int], None] = lambda count: None,
    on_result: Callable[[FeedbackRow], None] = lambda row: None,
) -> list[FeedbackRow]:
    """Write the feedback of the graded work of an assignment, byte for byte as ``nbgrader generate_feedback`` does.

    Args:
        course: the course's root folder, with its ``nbgrader_config.py``.
        jobs: processes to write it with; 1 for this one.
        students: only these; None for all who were graded.
        force: write again what is up to date.
        on_start: called once with the number of students.
        on_result: called with each row as it is finished.

    Returns:
        a row for each student, by student.

    Raises:
        TorchmagicError: no course there, nothing graded, no such student, or no place to write to.
    """
    course = course.resolve()
    coursedir = CourseDirectory(config=course_config(course))
    graded = _graded(coursedir, assignment, students)
    if jobs > 1:
        start_early()
    _demand_writable(coursedir, assignment)
    grades = _grades(coursedir, assignment)
    pages = [Page(student, assignment, grades.get(student, {})) for student in graded]
    made_of = {page.student: _digest(course, graded[page.student], page.grades) for page in pages}
    index = _Index(coursedir, assignment, made_of)
    rows: list[FeedbackRow] = []

    def done(row: FeedbackRow) -> None:
        rows.append(row)
        on_result(row)

    on_start(len(pages))
    fresh = [] if force else [page for page in pages if index.holds(page.student)]
    for page in fresh:
        done(FeedbackRow(page.student, "unchanged", files=index.files(page.student)))
    up_to_date = {page.student for page in fresh}
    stale = [page for page in pages if page.student not in up_to_date]
    with contextlib.closing(write_pages(course, stale, jobs)) as written:
        try:
            for page, why in written:
                index.note(page.student, written=not why)
                done(
                    FeedbackRow(page.student, "failed", why)
                    if why
                    else FeedbackRow(page.student, "written", files=index.files(page.student))
                )
        finally:
            index.save()
    return sorted(rows, key=lambda row: row.student)


def _grades(coursedir: CourseDirectory, assignment: str) -> dict[str, dict[str, NotebookGrades]]:
    find_alembic()
    gradebooks = connect(coursedir.db_url, coursedir.course_id)
    try:
        with gradebooks.open() as gradebook:
            return read_grades(gradebook, assignment)
    finally:
        gradebooks.close()


def _graded(coursedir: CourseDirectory, assignment: str, students: Sequence[str] | None) -> dict[str, Path]:
    """The folders with autograded notebooks, by student."""
    pattern = coursedir.format_path(coursedir.autograded_directory, "*", assignment)
    root, _, tail = pattern.partition("*")
    excluded = set((coursedir.student_id_exclude or "").split(","))
    found = {
        path.name: folder
        for path in (sorted(Path(root).iterdir()) if Path(root).is_dir() else ())
        if path.name not in excluded
        and path.name[0] != "."
        and any((folder := path / tail.strip("/")).glob(f"{coursedir.notebook_id}.ipynb"))
    }
    if not found:
        raise TorchmagicError(
            f"Nothing of {assignment!r} was graded: {pattern} holds no notebook.",
            hint=f"Grade it first: `torchmagic grade {assignment}`.",
        )
    unknown = sorted(set(students or ()) - set(found))
    if unknown:
        listed = ", ".join(list(found)[:10]) + (f" and {len(found) - 10} more" if len(found) > 10 else "")
        raise TorchmagicError(
            f"Nothing of {assignment!r} was graded for {', '.join(map(repr, unknown))}.", hint=f"Graded were: {listed}."
        )
    return found if students is None else {student: found[student] for student in dict.fromkeys(students)}


def _beside(coursedir: CourseDirectory, assignment: str) -> Path:
    """Where to keep what the pages were made from: in the folder that holds all feedback."""
    folder = Path(coursedir.format_path(coursedir.feedback_directory, "*", assignment).partition("*")[0])
    return folder / f".torchmagic-{assignment}.json"


def _demand_writable(coursedir: CourseDirectory, assignment: str) -> None:
    folder = _beside(coursedir, assignment).parent
    try:
        folder.mkdir(parents=True, exist_ok=True)
        problem = "" if os.access(folder, os.W_OK | os.X_OK) else "you may not write there"
    except OSError as error:
        problem = error.strerror or type(error).__name__
    if problem:
        raise TorchmagicError(
            f"No feedback can be written into {folder}: {problem}. Nothing was changed.",
            hint="Make it a folder that you may write to, or name another by "
            "`CourseDirectory.feedback_directory` in nbgrader_config.py.",
        )


def _digest(course: Path, graded: Path, grades: Mapping[str, NotebookGrades]) -> str:
    """Of all that a student's feedback is made from, but for nbgrader's templates."""
    digest = hashlib.sha256(repr(_MADE_WITH).encode())
    digest.update((course / CONFIG_NAME).read_bytes())
    digest.update(json.dumps({name: asdict(given) for name, given in grades.items()}, sort_keys=True).encode())
    for folder, _, names in sorted(os.walk(graded)):
        for path in (Path(folder, name) for name in sorted(names)):
            found = path.lstat()
            digest.update(f"{path.relative_to(graded)} {found.st_size} ".encode("utf-8", "surrogateescape"))
            digest.update(path.read_bytes() if path.suffix == ".ipynb" else str(found.st_mtime_ns).encode())
    return digest.hexdigest()


class _Index:
    """What each student's pages were made from, and what their files looked like then.

    Args:
        made_of: a digest of what they are made from now, by student.
    """

    def __init__(self, coursedir: CourseDirectory, assignment: str, made_of: Mapping[str, str]) -> None:
        self._path = _beside(coursedir, assignment)
        self._made_of = made_of
        self._folders = {
            student: Path(coursedir.format_path(coursedir.feedback_directory, student, assignment))
            for student in made_of
        }
        self._known: dict[str, object] = {}
        with contextlib.suppress(OSError, ValueError):  # all is written again then
            found = json.loads(self._path.read_text(encoding="utf-8"))
            self._known = found if isinstance(found, dict) else {}

    def files(self, student: str) -> tuple[Path, ...]:
        """The pages that are there."""
        return tuple(sorted(self._folders[student].glob("*.html")))

    def holds(self, student: str) -> bool:
        """Whether the pages are there, unchanged, and were made from the same."""
        return student in self._known and self._known[student] == self._entry(student)

    def note(self, student: str, *, written: bool) -> None:
        """The pages were written, or could not be."""
        self._known.pop(student, None)
        if written:
            self._known[student] = self._entry(student)

    def save(self) -> None:
        """Write it down."""
        new = self._path.with_suffix(".new")
        new.write_text(json.dumps(self._known, sort_keys=True), encoding="utf-8")
        new.replace(self._path)

    def _entry(self, student: str) -> object:
        stats = [(path.name, path.stat()) for path in self.files(student)]
        return [self._made_of[student], [[name, found.st_size, found.st_mtime_ns] for name, found in stats]]
