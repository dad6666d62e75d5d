"""Why points were lost, over the whole class: the misconceptions, by how many students share them."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from graders.engine.report import Outcome
from graders.graded import GradedCell
from graders.reporting.anonymous import Masker
from graders.reporting.data import ClassResults, Question, StudentResult, source_key
from graders.reporting.items import answers_of, counts, question_score, test_of
from graders.reporting.titles import title_of
from graders.reporting.wording import clean, is_blank, unnumbered

#: Kinds of groups: a misconception that a check named; the words of a failure; an answer's own error; an end by force;
#: an answer that is still what was released.
NAMED, SAID, OWN_ERROR, STOPPED, BLANK = "named", "said", "own error", "stopped", "blank"
_LACKS = re.compile(r"\bNameError\b|is not defined")
_STOPS = {
    Outcome.TIMEOUT.value: "ran out of time",
    Outcome.MEMORY.value: "ran out of memory",
    Outcome.CRASHED.value: "crashed",
}


@dataclass(frozen=True, slots=True)
class Loss:
    """Points that one student lost in one question, and one reason."""

    student: str
    question: Question
    points: float
    kind: str
    title: str
    cell: GradedCell


@dataclass(frozen=True, slots=True)
class Group:
    """A reason that students share.

    Attributes:
        kind: one of the kinds above.
        name: what it is, for people and programs: a misconception's kind, or words without numbers.
        title: its heading.
        students: who, each once, by name.
        questions: for each question the number of students, most first.
        points: what it cost the class.
        losses: each loss, for examples.
    """

    kind: str
    name: str
    title: str
    students: tuple[str, ...]
    questions: tuple[tuple[Question, int], ...]
    points: float
    losses: tuple[Loss, ...]


def blank_answers(results: ClassResults) -> dict[tuple[str, str], frozenset[str]]:
    """For each question (notebook, name) the students who left its answer as it was released."""
    found: defaultdict[tuple[str, str], set[str]] = defaultdict(set)
    for student, question, cell in _lost(results):
        if _left_blank(student, question, cell, results.released):
            found[question.notebook, question.name].add(student.student)
    return {key: frozenset(students) for key, students in found.items()}


def group_losses(results: ClassResults, masker: Masker) -> tuple[Group, ...]:
    """The reasons for lost points, the one that most students share first; blank answers come last."""
    groups: defaultdict[tuple[str, str, str], list[Loss]] = defaultdict(list)
    for student, question, cell in _lost(results):
        lost = question.points - (question_score(student, question) or 0.0)
        for kind, name, title in _reasons(student, question, cell, results.released):
            place = f"{question.notebook}/{question.name}: " if kind in (SAID, OWN_ERROR) else ""
            groups[kind, place, name].append(Loss(student.student, question, lost, kind, title, cell))
    made = [
        _group(kind, place + said, some, masker)
        for (kind, place, name), losses in groups.items()
        for said, some in (_split(losses) if kind == SAID else [(name, losses)])
    ]
    return tuple(sorted(made, key=lambda one: (one.kind == BLANK, -len(one.students), -one.points, one.title)))


def _group(kind: str, name: str, losses: list[Loss], masker: Masker) -> Group:
    asked: defaultdict[Question, set[str]] = defaultdict(set)
    for loss in losses:
        asked[loss.question].add(loss.student)
    return Group(
        kind=kind,
        name=masker.text(name),
        title=masker.text(losses[0].title),
        students=tuple(sorted({loss.student for loss in losses})),
        questions=tuple(sorted(((one, len(who)) for one, who in asked.items()), key=lambda pair: -pair[1])),
        points=sum(loss.points for loss in losses),
        losses=tuple(losses),
    )


def _split(losses: list[Loss]) -> Iterator[tuple[str, list[Loss]]]:
    """Of losses with the same words, those with the same numbers too: each of them is one mistake; then the rest."""
    exact: defaultdict[str, list[Loss]] = defaultdict(list)
    for loss in losses:
        exact[clean(loss.cell.message)].append(loss)
    shared = {said: some for said, some in exact.items() if len({loss.student for loss in some}) > 1}
    for said, some in shared.items():
        yield said, [replace(loss, title=said) for loss in some]
    rest = [loss for said, some in exact.items() if said not in shared for loss in some]
    if rest:
        yield rest[0].title, rest


def _lost(results: ClassResults) -> Iterator[tuple[StudentResult, Question, GradedCell]]:
    """Each test of each student that did not give all the points, by an answer's fault."""
    for student in filter(counts, results.students):
        for question in results.questions:
            score = question_score(student, question)
            cell = test_of(student, question)
            if score is not None and cell is not None and score < question.points:
                yield student, question, cell


def _reasons(
    student: StudentResult, question: Question, cell: GradedCell, released: Mapping[str, str]
) -> Iterator[tuple[str, str, str]]:
    """Kind, name and title of each reason for the lost points."""
    if _left_blank(student, question, cell, released):
        yield BLANK, "", "Left blank"
        return
    if cell.outcome in _STOPS:
        name = f"{cell.outcome}: {unnumbered(cell.message)}" if cell.message else cell.outcome
        yield STOPPED, name, f"The program {_STOPS[cell.outcome]}"
        return
    named = [line for line in cell.misconception.splitlines() if line.strip()]
    for name in dict.fromkeys(named):
        yield NAMED, name, title_of(name)
    if named:
        return
    broken = [one for one in answers_of(student, question) if one.outcome == Outcome.ERROR.value]
    if broken and (cell.outcome == Outcome.ERROR.value or _LACKS.search(cell.message)):
        said = unnumbered(broken[-1].message)
        yield OWN_ERROR, said, f"The answer's cell stops: {said}"
        return
    said = unnumbered(cell.message) if cell.message else cell.outcome
    yield SAID, said, said


def _left_blank(student: StudentResult, question: Question, cell: GradedCell, released: Mapping[str, str]) -> bool:
    """Whether the answer is what was released, by its text where that is known, else by what the test says."""
    keys = [source_key(question.notebook, one.name) for one in answers_of(student, question)]
    known = [key for key in keys if key in released and key in student.sources]
    if known and all(_same(student.sources[key], released[key]) for key in known):
        return True
    return is_blank(cell.message) and not cell.score


def _same(one: str, other: str) -> bool:
    return one.split() == other.split()
