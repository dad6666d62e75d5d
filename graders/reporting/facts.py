"""All facts of a report, as plain data: the page and the JSON show the same."""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from dataclasses import dataclass

from graders.engine.report import Outcome
from graders.graded import MISSING, UNREADABLE
from graders.reporting.anonymous import Masker, numbered
from graders.reporting.data import ClassResults, StudentResult
from graders.reporting.distribution import Scores, describe_scores
from graders.reporting.examples import Example, find_example
from graders.reporting.items import Item, counts, item_analysis
from graders.reporting.misconceptions import BLANK, Group, blank_answers, group_losses
from graders.reporting.similar import Similar, find_similar
from graders.reporting.times import SlowCell, slowest_cells
from graders.reporting.wording import unnumbered

_ORDER = {outcome.value: place for place, outcome in enumerate(Outcome)} | {UNREADABLE: 100, MISSING: 101}
_NOT_GRADED = frozenset({MISSING, UNREADABLE, Outcome.GRADER_ERROR.value})


@dataclass(frozen=True, slots=True)
class GraderError:
    """A test that failed by itself, or a submission that could not be graded through no fault of its own.

    Attributes:
        place: notebook and cell, or the notebook alone.
        message: what went wrong.
        students: whose scores are what they were.
    """

    place: str
    message: str
    students: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Shared:
    """A reason for lost points that students share, and an example of it."""

    group: Group
    example: Example | None


@dataclass(frozen=True, slots=True)
class BesideStudents:
    """A test that ran beside the students' code: a submission can give itself its points."""

    notebook: str
    name: str
    points: float
    students: int


@dataclass(frozen=True, slots=True)
class ClassFacts:
    """One assignment's class.

    Attributes:
        course, assignment: whose report it is.
        anonymous: whether students are numbers, and no text of theirs is shown but in examples.
        students: all, by name.
        counted: how many hold an attempt that could be graded; questions are about these.
        scores: the scores in the gradebook.
        outcomes: how many ended how.
        grader_errors: first what most students are hit by.
        items: the questions.
        shared: why points were lost, by how many students share it.
        blank: answers left as released; None where there are none.
        ungraded: those without a grade of this assignment's own: missing, unreadable, an error of a test's.
        waiting: those whose work waits for a person.
        late: those with a late penalty.
        beside: tests that are not tamper-proof.
        slow: where the time goes.
        similar: texts that are alike; None where nobody looked.
    """

    course: str
    assignment: str
    anonymous: bool
    students: tuple[StudentResult, ...]
    counted: int
    scores: Scores
    outcomes: tuple[tuple[str, int], ...]
    grader_errors: tuple[GraderError, ...]
    items: tuple[Item, ...]
    shared: tuple[Shared, ...]
    blank: Group | None
    ungraded: tuple[StudentResult, ...]
    waiting: tuple[StudentResult, ...]
    late: tuple[StudentResult, ...]
    beside: tuple[BesideStudents, ...]
    slow: tuple[SlowCell, ...]
    similar: Similar | None


def gather(
    results: ClassResults, *, anonymous: bool = False, similar: bool = True, chance: random.Random | None = None
) -> ClassFacts:
    """Everything that there is to say of a class.

    Args:
        anonymous: put numbers in the place of student ids.
        similar: look for texts that are alike.
        chance: deals the numbers; the system's own source of chance if not given.
    """
    masker = Masker(tuple(student.student for student in results.students))
    if anonymous:
        results = numbered(results, chance or random.SystemRandom())
    students = tuple(sorted(results.students, key=lambda student: student.student))
    by_name = {student.student: student for student in students}
    groups = group_losses(results, masker)
    return ClassFacts(
        course=results.course,
        assignment=results.assignment,
        anonymous=anonymous,
        students=students,
        counted=sum(map(counts, students)),
        scores=describe_scores(
            [student.score for student in students if student.score is not None],
            max((student.max_score for student in students), default=sum(one.points for one in results.questions)),
        ),
        outcomes=_outcomes(students),
        grader_errors=_grader_errors(students, masker),
        items=item_analysis(results, blank_answers(results)),
        shared=tuple(Shared(group, find_example(group, by_name, masker)) for group in groups if group.kind != BLANK),
        blank=next((group for group in groups if group.kind == BLANK), None),
        ungraded=tuple(student for student in students if student.outcome in _NOT_GRADED),
        waiting=tuple(student for student in students if student.needs_manual_grade),
        late=tuple(student for student in students if student.late_penalty > 0),
        beside=_beside(students),
        slow=slowest_cells(results),
        similar=find_similar(results) if similar else None,
    )


def _outcomes(students: tuple[StudentResult, ...]) -> tuple[tuple[str, int], ...]:
    counted = Counter(student.outcome for student in students)
    return tuple(sorted(counted.items(), key=lambda pair: (_ORDER.get(pair[0], 50), pair[0])))


def _grader_errors(students: tuple[StudentResult, ...], masker: Masker) -> tuple[GraderError, ...]:
    """Those of cells; those of whole notebooks and submissions where no cell tells it."""
    hit: defaultdict[tuple[str, str], list[str]] = defaultdict(list)
    said: dict[tuple[str, str], str] = {}

    def add(place: str, message: str, student: str) -> None:
        key = place, unnumbered(message)
        said.setdefault(key, masker.text(message))
        hit[key].append(student)

    wrong = Outcome.GRADER_ERROR.value
    for student in students:
        found = False
        for notebook in student.graded.notebooks if student.graded is not None else ():
            cells = [cell for cell in notebook.cells if cell.outcome == wrong]
            for cell in cells:
                add(f"{notebook.name}, {cell.name or f'cell {cell.key}'}", cell.message, student.student)
            if notebook.outcome == wrong and not cells:
                add(notebook.name, notebook.message, student.student)
            found = found or notebook.outcome == wrong or bool(cells)
        if student.outcome == wrong and not found:
            add("the submission", student.message, student.student)
    made = [GraderError(key[0], said[key], tuple(dict.fromkeys(some))) for key, some in hit.items()]
    return tuple(sorted(made, key=lambda one: (-len(one.students), one.place, one.message)))


def _beside(students: tuple[StudentResult, ...]) -> tuple[BesideStudents, ...]:
    found: Counter[tuple[str, str]] = Counter()
    points: dict[tuple[str, str], float] = {}
    for student in students:
        for notebook in student.graded.notebooks if student.graded is not None else ():
            for cell in notebook.cells:
                if not cell.tamper_proof:
                    found[notebook.name, cell.name] += 1
                    points[notebook.name, cell.name] = cell.points
    return tuple(BesideStudents(*key, points[key], count) for key, count in found.items())
