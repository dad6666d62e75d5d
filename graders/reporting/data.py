"""What a report is made from: the results of one assignment's class, as plain data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from graders.graded import Graded


@dataclass(frozen=True, slots=True)
class Question:
    """What the gradebook gives points for.

    Attributes:
        notebook: without ``.ipynb``.
        name: nbgrader's grade_id, of the test cell or of the cell that is graded by hand.
        points: what it is worth.
        manual: whether a person grades it.
    """

    notebook: str
    name: str
    points: float
    manual: bool = False


@dataclass(frozen=True, slots=True)
class StudentResult:
    """What is known of one student and this assignment.

    Attributes:
        student: nbgrader's student id.
        score: points in the gradebook, less a late penalty; None where there is no such submission.
        max_score: points that there are.
        late_penalty: points taken off.
        needs_manual_grade: whether something waits for a person.
        outcome: how grading ended, in the gradebook table's words.
        message: why, in one line.
        graded: what grading gave; None where the work was graded by other means and only the gradebook knows.
        sources: the student's own text of code, by :func:`source_key`: solution cells, and cells of their own.
        given: points that a person gave, by notebook and grade_id; they count in place of automatic ones.
    """

    student: str
    score: float | None
    max_score: float
    late_penalty: float
    needs_manual_grade: bool
    outcome: str
    message: str
    graded: Graded | None
    sources: Mapping[str, str]
    given: Mapping[tuple[str, str], float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ClassResults:
    """One assignment's class.

    Attributes:
        course: its id or its folder's name.
        assignment: nbgrader's name of it.
        students: all that the report is about, in any order.
        questions: in the order of the notebooks.
        released: the solution cells' text as students got it, by :func:`source_key`.
    """

    course: str
    assignment: str
    students: tuple[StudentResult, ...]
    questions: tuple[Question, ...]
    released: Mapping[str, str]


def source_key(notebook: str, name: str, place: int = 0) -> str:
    """Under which key a cell's text stands: its grade_id, or its place in the notebook where it is a student's own.

    >>> source_key("hw", "mean"), source_key("hw", "", 7)
    ('hw/mean', 'hw/+7')
    """
    return f"{notebook}/{name}" if name else f"{notebook}/+{place}"
