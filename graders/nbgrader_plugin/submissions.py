"""Which submissions a course holds, and what of them can be read."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from nbgrader.coursedir import CourseDirectory

from graders.graded import MISSING, UNREADABLE
from graders.nbgrader_plugin.unreadable import why_no_file, why_not_taken
from torchmagic.errors import TorchmagicError


def submitted(coursedir: CourseDirectory, assignment: str, students: Sequence[str] | None = None) -> list[str]:
    """The students whose work is to be graded: those named, or all that submitted and that the course includes.

    Raises:
        TorchmagicError: nobody submitted, or one of those named did not.
    """
    found = students_with(coursedir, coursedir.submitted_directory, assignment)
    root, tail = _around(coursedir, coursedir.submitted_directory, assignment)
    if students is None:
        if not found:
            raise TorchmagicError(
                f"Nobody has submitted {assignment!r}: {root} holds no such folder.",
                hint="Collect with `nbgrader collect`, or put work into submitted/STUDENT/ASSIGNMENT/.",
            )
        return found
    for student in students:
        if student not in found:
            listed = ", ".join(found[:20]) + (f" and {len(found) - 20} more" if len(found) > 20 else "")
            raise TorchmagicError(
                f"Student {student!r} has not submitted {assignment!r}: there is no {root / student / tail}.",
                hint=f"Submitted have: {listed or 'nobody'}.",
            )
    return list(dict.fromkeys(students))


def students_with(coursedir: CourseDirectory, step: str, assignment: str) -> list[str]:
    """The students who have a folder of an assignment in one of nbgrader's steps ("submitted", "autograded")."""
    root, tail = _around(coursedir, step, assignment)
    left_out = set(coursedir.student_id_exclude.split(",")) if coursedir.student_id_exclude else set()
    if not root.is_dir():
        return []
    found = (path.name for path in root.iterdir() if not path.name.startswith(".") and (path / tail).is_dir())
    return sorted(set(found) - left_out)


def why_not_read(folder: Path, notebooks: Iterable[str]) -> tuple[str, str] | None:
    """The outcome and the reason where a submission must not be opened, or holds nothing to open; else None."""
    present = [folder / f"{name}.ipynb" for name in notebooks if (folder / f"{name}.ipynb").exists()]
    if not present:
        wanted = ", ".join(f"{name}.ipynb" for name in notebooks)
        return MISSING, f"{folder} holds no {wanted}: ask the student to submit it"
    for path in present:
        why = why_no_file(path) or why_not_taken(path)
        if why:
            return UNREADABLE, f"{path.name} {why}: ask the student to submit it again"
    return None


def _around(coursedir: CourseDirectory, step: str, assignment: str) -> tuple[Path, str]:
    """What stands before and behind a student's id in the path of a step."""
    root, _, tail = coursedir.format_path(step, "*", assignment).partition("*")
    return Path(root), tail.strip("/")
