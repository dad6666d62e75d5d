"""Item analysis: for each question how many got it, how long it ran, and whether it tells strong from weak."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from graders.engine.report import Outcome
from graders.graded import MISSING, UNREADABLE, GradedCell, GradedNotebook
from graders.reporting.data import ClassResults, Question, StudentResult

#: Below this, a question hardly tells those who know the rest from those who do not.
LOW = 0.2
#: With fewer students than these a correlation says little.
ENOUGH = 10
_LEAST = 3
_OUT = frozenset({MISSING, UNREADABLE, Outcome.NOT_ATTEMPTED.value})
_STOPPED = frozenset({Outcome.TIMEOUT.value, Outcome.MEMORY.value, Outcome.CRASHED.value})


@dataclass(frozen=True, slots=True)
class Item:
    """One question's figures, over the submissions that count.

    Attributes:
        question: what it is about.
        counted: submissions that count: those that hold an attempt at the assignment.
        full, partial, zero: how many got all the points, some, none for a wrong answer.
        blank: how many left the answer as released (and got nothing).
        stopped: how many ended before or in it: time, memory, a crash, or a notebook that lacks it.
        waiting: how many have no score for it yet: a person grades it, or its test failed by itself.
        success: mean share of the points, of those that have a score; None where nobody has.
        discrimination: correlation of its score with the sum of all others; None where one of the two never varies.
        median_seconds, slow_seconds: running its answer and its test; the median, and what 95 % stay below.
    """

    question: Question
    counted: int
    full: int = 0
    partial: int = 0
    zero: int = 0
    blank: int = 0
    stopped: int = 0
    waiting: int = 0
    success: float | None = None
    discrimination: float | None = None
    median_seconds: float | None = None
    slow_seconds: float | None = None

    @property
    def warning(self) -> str:
        """What the discrimination warns of: "negative", "low", or "".

        >>> Item(Question("hw", "q1", 1.0), 30, discrimination=-0.1).warning
        'negative'
        """
        if self.discrimination is None or self.counted < ENOUGH or self.discrimination >= LOW:
            return ""
        return "negative" if self.discrimination < 0 else "low"


def counts(student: StudentResult) -> bool:
    """Whether a submission is part of the figures of questions: it could be graded, and holds an attempt."""
    return student.graded is not None and student.outcome not in _OUT


def item_analysis(results: ClassResults, blanks: Mapping[tuple[str, str], frozenset[str]]) -> tuple[Item, ...]:
    """The figures of every question.

    Args:
        blanks: for each question (notebook, name) the students who left it as released.
    """
    counted = [student for student in results.students if counts(student)]
    scores = {
        (question.notebook, question.name): [question_score(student, question) for student in counted]
        for question in results.questions
    }
    totals = [sum(one[place] or 0.0 for one in scores.values()) for place in range(len(counted))]
    return tuple(
        _item(
            question,
            counted,
            scores[question.notebook, question.name],
            totals,
            blanks.get((question.notebook, question.name), frozenset()),
        )
        for question in results.questions
    )


def _item(
    question: Question,
    counted: Sequence[StudentResult],
    scores: Sequence[float | None],
    totals: Sequence[float],
    blank: frozenset[str],
) -> Item:
    kinds = [_kind(student, question, score, blank) for student, score in zip(counted, scores, strict=True)]
    known = [(score, total - score) for score, total in zip(scores, totals, strict=True) if score is not None]
    seconds = [spent for student in counted if (spent := question_seconds(student, question)) is not None]
    return Item(
        question=question,
        counted=len(counted),
        **{kind: kinds.count(kind) for kind in ("full", "partial", "zero", "blank", "stopped", "waiting")},
        success=statistics.fmean(score for score, _ in known) / question.points if known and question.points else None,
        discrimination=correlation(known),
        median_seconds=statistics.median(seconds) if seconds else None,
        slow_seconds=percentile(seconds, 95) if seconds else None,
    )


def _kind(student: StudentResult, question: Question, score: float | None, blank: frozenset[str]) -> str:
    cell = test_of(student, question)
    if score is None:
        return "waiting" if notebook_of(student, question.notebook) is not None else "stopped"
    if score >= question.points > 0:
        return "full"
    if score > 0:
        return "partial"
    if cell is None or cell.outcome in _STOPPED:
        return "stopped"
    return "blank" if student.student in blank else "zero"


def correlation(pairs: Sequence[tuple[float, float]]) -> float | None:
    """Pearson's correlation of the pairs (for right or wrong answers: the point-biserial one); None where undefined.

    >>> correlation([(0, 1), (1, 3), (1, 4), (0, 0)])
    0.948683...
    >>> correlation([(1, 1), (1, 2), (1, 3)]) is None
    True
    """
    if len(pairs) < _LEAST:
        return None
    try:
        found = statistics.correlation([float(one) for one, _ in pairs], [float(other) for _, other in pairs])
    except statistics.StatisticsError:  # one of the two never varies
        return None
    return max(-1.0, min(1.0, found))


def percentile(values: Sequence[float], percent: int) -> float:
    """The value that so many percent stay at or below, between neighbours by proportion.

    >>> percentile([1.0, 2.0, 3.0], 50), percentile([4.0], 95)
    (2.0, 4.0)
    """
    if len(values) < 2:
        return values[0]
    return statistics.quantiles(values, n=100, method="inclusive")[percent - 1]


def notebook_of(student: StudentResult, notebook: str) -> GradedNotebook | None:
    """What became of one of a student's notebooks, if it was handed in."""
    some = student.graded.notebooks if student.graded is not None else ()
    return next((one for one in some if one.name == notebook), None)


def test_of(student: StudentResult, question: Question) -> GradedCell | None:
    """The cell that tests a question, if it was reached."""
    notebook = notebook_of(student, question.notebook)
    cells = notebook.cells if notebook is not None else ()
    return next((cell for cell in cells if cell.name == question.name and cell.role == "test"), None)


def question_score(student: StudentResult, question: Question) -> float | None:
    """The points for a question: those that a person gave, else the automatic ones, or None."""
    if (question.notebook, question.name) in student.given:
        return student.given[question.notebook, question.name]
    notebook = notebook_of(student, question.notebook)
    return None if notebook is None else notebook.scores.get(question.name)


def question_seconds(student: StudentResult, question: Question) -> float | None:
    """How long a question's answer and test ran; None where its test was not reached."""
    test = test_of(student, question)
    return None if test is None else test.seconds + sum(cell.seconds for cell in answers_of(student, question))


def answers_of(student: StudentResult, question: Question) -> tuple[GradedCell, ...]:
    """The student's cells that a question's test is about: those since the test before, or those of that one."""
    notebook = notebook_of(student, question.notebook)
    found: list[GradedCell] = []
    fresh = True
    for cell in notebook.cells if notebook is not None else ():
        if cell.role == "student" and cell.name:
            found = [*([] if fresh else found), cell]
            fresh = False
        elif cell.role == "test":
            if cell.name == question.name:
                return tuple(found)
            fresh = True
    return ()
