"""Seconds for feedback pages: `torchmagic feedback` against `nbgrader generate_feedback`, in one course."""

from __future__ import annotations

import shutil
import statistics
import sys
from pathlib import Path

from bench.class_runs import seconds_of
from bench.figures import Figure
from graders.courses import clone_assignments
from graders.demo import make_class
from graders.nbgrader_plugin.autograde import grade_assignment

ASSIGNMENT = "backward_pass"
FEW, MANY = 20, 100
GOAL_WHOLE, GOAL_EACH = 2.0, 10.0
_JOBS = "2"


class UnequalPagesError(AssertionError):
    """A page is not nbgrader's, byte for byte."""


def measure(folder: Path) -> list[Figure]:
    """Write the same pages by both real commands: a few, start-up included, and what each further one takes.

    Raises:
        UnequalPagesError: pages differ; the times mean nothing then.
    """
    course, _ = make_class(folder, clone_assignments() / "source", [ASSIGNMENT], MANY, 1, kinds=("right", "partial"))
    grade_assignment(course.folder, ASSIGNMENT, jobs=2)
    graded = sorted((course.folder / "autograded").iterdir())
    aside = folder / "aside"
    aside.mkdir()
    ours = [str(Path(sys.executable).parent / "torchmagic"), "feedback", ASSIGNMENT, "--force", "--jobs", _JOBS]
    theirs = [sys.executable, "-m", "nbgrader", "generate_feedback", ASSIGNMENT, "--force"]

    def seconds() -> tuple[float, float]:
        before = [seconds_of(course.folder, *ours) for _ in range(2)]
        peer = seconds_of(course.folder, *theirs)
        pages = _pages(course.folder)
        after = [seconds_of(course.folder, *ours) for _ in range(2)]  # machines get faster and slower
        if _pages(course.folder) != pages:
            raise UnequalPagesError("torchmagic feedback and nbgrader generate_feedback wrote different pages")
        return statistics.median([*before, *after]), peer

    many = seconds()
    for path in graded[FEW:]:
        shutil.move(path, aside)
        shutil.rmtree(course.feedback_folder / path.name)
    few = seconds()
    each = [(whole - part) / (MANY - FEW) for whole, part in zip(many, few, strict=True)]
    peer = "nbgrader generate_feedback"
    return [
        Figure(
            f"feedback for {FEW} of {ASSIGNMENT}, {_JOBS} jobs, start-up included",
            *few,
            peer,
            "s",
            GOAL_WHOLE,
            "faster",
        ),
        Figure(
            f"feedback for {MANY} of {ASSIGNMENT}, {_JOBS} jobs, start-up included",
            *many,
            peer,
            "s",
            GOAL_WHOLE,
            "faster",
        ),
        Figure(f"each further page of feedback, {_JOBS} jobs", *each, peer, "s", GOAL_EACH, "faster"),
    ]


def _pages(course: Path) -> dict[str, bytes]:
    return {str(path.relative_to(course)): path.read_bytes() for path in course.glob("feedback/*/*/*.html")}
