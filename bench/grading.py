"""A class graded by `torchmagic grade`: against plain `nbgrader autograde`, against limits, and against itself."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

from bench.class_runs import run_class, seconds_of
from bench.figures import Figure
from graders.courses import clone_assignments
from graders.demo import make_class
from graders.nbgrader_plugin.course import Course
from graders.nbgrader_plugin.places import notes_folder

ASSIGNMENT = "backward_pass"
LARGE, MANY, FEW, PLAIN = 2000, 1000, 200, 40
_PLUGIN = "from graders.nbgrader_plugin import configure; configure(c)\n"


class UnequalScoresError(AssertionError):
    """A submission got another score than plain nbgrader gives it."""


def measure(folder: Path) -> list[Figure]:
    """Grade a class of 2,000, parts of it in other ways, and all of it again.

    Every student's notebook differs from all others, so that no result of one stands for another.

    Raises:
        UnequalScoresError: scores differ; the times mean nothing then.
    """
    large = _class(folder / "large", LARGE)
    few, one = (_part(large, folder / name, FEW) for name in ("few", "one"))
    plain = _part(large, folder / "plain", PLAIN)
    _without_plugin(plain)
    single = run_class(one, ASSIGNMENT, "--jobs", "1")
    plain_seconds = seconds_of(plain, sys.executable, "-m", "nbgrader", "autograde", ASSIGNMENT) / PLAIN
    double = run_class(few, ASSIGNMENT, "--jobs", "2")
    whole = run_class(large, ASSIGNMENT, "--jobs", "2")
    again = run_class(large, ASSIGNMENT, "--jobs", "2")
    shutil.rmtree(notes_folder(large))
    stored = run_class(large, ASSIGNMENT, "--jobs", "2")
    _demand_equal(_scores(large), _scores(plain))
    many = whole.rows[MANY - 1]
    return [
        _against("two jobs, start-up included, 1,000 of a class", many / MANY, plain_seconds, 60.0),
        _against("one job, start-up included, a class of 200", single.seconds / FEW, plain_seconds, 30.0),
        Figure("1,000 submissions, to the last row, each", many / MANY * 1e3, 100.0, "limit", "ms", 1.0, "within"),
        Figure(
            "memory at the 1,000th submission",
            whole.held(MANY) / 1e6,
            whole.held(100) / 1e6,
            "at the 100th",
            "MB",
            1.02,
            "within",
        ),
        Figure(
            "a submission in a class of 2,000",
            whole.seconds / LARGE * 1e3,
            double.seconds / FEW * 1e3,
            "in a class of 200",
            "ms",
            1.1,
            "within",
        ),
        Figure(
            "the last 200 of 2,000, each",
            whole.each(LARGE - FEW, LARGE) * 1e3,
            whole.each(FEW, 2 * FEW) * 1e3,
            "the second 200",
            "ms",
            1.1,
            "within",
        ),
        Figure("an unchanged class again, each", again.seconds / LARGE * 1e3, 2.0, "limit", "ms", 1.0, "within"),
        Figure(
            "a class finished again out of the store, each",
            stored.seconds / LARGE * 1e3,
            10.0,
            "limit",
            "ms",
            1.0,
            "within",
        ),
        Figure(
            "two jobs, each, without start-up",
            double.each(20, FEW) * 1e3,
            single.each(20, FEW) * 1e3,
            "one job",
            "ms",
            1.8,
            "faster",
        ),
    ]


def _against(name: str, seconds: float, plain: float, goal: float) -> Figure:
    return Figure(f"a submission, {name}", seconds, plain, f"nbgrader autograde, {PLAIN} of them", "s", goal, "faster")


def _class(folder: Path, count: int) -> Path:
    course, _ = make_class(
        folder, clone_assignments() / "source", [ASSIGNMENT], count, seed=1, kinds=("right", "partial")
    )
    return course.folder


def _part(course: Path, folder: Path, count: int) -> Path:
    """A copy of a course with the first few of its class."""
    students = sorted(path.name for path in (course / "submitted").iterdir())
    left_out = set(students[count:])

    def ignore(place: str, names: list[str]) -> set[str]:
        if Path(place) == course:
            return {"exchange", "students"}
        return left_out & set(names) if Path(place).name == "submitted" else set()

    shutil.copytree(course, folder, ignore=ignore)
    return folder


def _without_plugin(course: Path) -> None:
    config = course / "nbgrader_config.py"
    text = config.read_text(encoding="utf-8")
    assert _PLUGIN in text, "the plain course must do without the plugin"
    config.write_text(text.replace(_PLUGIN, ""), encoding="utf-8")


def _scores(course: Path) -> dict[str, float]:
    return {entry.student: entry.score for entry in Course(course).scores(ASSIGNMENT).values()}


def _demand_equal(ours: dict[str, float], plain: dict[str, float]) -> None:
    unequal = {student: (ours.get(student), score) for student, score in plain.items() if ours.get(student) != score}
    if unequal or len(plain) != PLAIN or len(ours) != LARGE:
        raise UnequalScoresError(f"{len(ours)} submissions; scores (ours, plain nbgrader's) that differ: {unequal}")
