"""What an instructor should look at first: the few sentences that a report begins with."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from graders.engine.report import Outcome
from graders.graded import MISSING, UNREADABLE
from graders.reporting.facts import ClassFacts

_SHARE_OF_CLASS = 0.15
_HARD = 0.5
_SLOW_SECONDS = 2.0
_SLOW_SHARE = 0.5


@dataclass(frozen=True, slots=True)
class Point:
    """One thing to look at: a sentence, and the section that tells more."""

    text: str
    section: str


def first_things(facts: ClassFacts) -> tuple[Point, ...]:
    """What stands out, the most pressing first."""
    return tuple(_points(facts))


def _points(facts: ClassFacts) -> Iterator[Point]:
    if facts.grader_errors:
        hit = len({student for error in facts.grader_errors for student in error.students})
        what = _count(len(facts.grader_errors), "test fails by itself", "tests fail by themselves")
        waiting = _count(hit, "student waits", "students wait")
        yield Point(f"{what}: nobody lost points by it, and {waiting} for it to be mended.", "errors")
    known = {outcome.value for outcome in Outcome}
    bare = [student for student in facts.students if student.graded is None and student.outcome in known]
    if bare:
        yield Point(
            f"Of {_count(len(bare), 'student', 'students')} only the score and how grading ended are known, as "
            "formgrader's button and nbgrader autograde keep no more: "
            f"torchmagic grade {facts.assignment} adds what this page lacks.",
            "people",
        )
    yield from _teaching(facts)
    low = [one.question.name for one in facts.items if one.warning]
    if low:
        yield Point(
            f"{_names(low)} hardly {'tells' if len(low) == 1 else 'tell'} strong students from weak ones: is "
            f"{'it' if len(low) == 1 else 'each of them'} clear, and is the test right?",
            "questions",
        )
    if facts.waiting:
        yield Point(f"{_count(len(facts.waiting), 'student waits', 'students wait')} for grading by hand.", "people")
    lacking = [student for student in facts.ungraded if student.outcome in (MISSING, UNREADABLE)]
    if lacking:
        who = _count(len(lacking), "student has", "students have")
        yield Point(f"{who} no grade: nothing that can be read was handed in.", "people")
    if facts.beside:
        what = _count(len(facts.beside), "test ran", "tests ran")
        yield Point(f"{what} beside the students' code: those scores are not tamper-proof.", "beside")
    if facts.similar is not None and facts.similar.clusters:
        groups = _count(len(facts.similar.clusters), "group", "groups")
        yield Point(f"{groups} of students wrote similar text: look yourself.", "similar")
    slow = [one for one in facts.slow if one.share > _SLOW_SHARE and one.median > _SLOW_SECONDS]
    if slow:
        yield Point(f"{slow[0].name} takes {slow[0].share:.0%} of all the grading time.", "time")


def _teaching(facts: ClassFacts) -> Iterator[Point]:
    large = max(2, _SHARE_OF_CLASS * facts.counted)
    most = [one.group for one in facts.shared[:2] if len(one.group.students) > 1]
    for group in [one for place, one in enumerate(most) if not place or len(one.students) >= large]:
        part = len(group.students) / facts.counted
        yield Point(f"{_students(len(group.students))} ({part:.0%}) share this: {group.title.rstrip('.')}.", "reasons")
    known = [one for one in facts.items if 2 * one.waiting < one.counted]
    hard = [one for one in known if one.success is not None and one.success < _HARD]
    if hard:
        worst = min(hard, key=lambda one: one.success or 0.0)
        yield Point(f"{worst.question.name} is the hardest question: {worst.success:.0%} of its points.", "questions")
    if facts.blank is not None and len(facts.blank.students) >= large:
        yield Point(f"{_students(len(facts.blank.students))} left answers blank.", "reasons")


def _students(count: int) -> str:
    return _count(count, "student", "students")


def _count(count: int, one: str, many: str) -> str:
    return f"{count} {one if count == 1 else many}"


def _names(names: list[str]) -> str:
    shown = names[:4]
    more = [f"{len(names) - 4} more"] if len(names) > 4 else []
    every = [*shown, *more]
    return every[0] if len(every) == 1 else f"{', '.join(every[:-1])} and {every[-1]}"
