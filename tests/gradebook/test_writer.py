"""What the writer leaves in the gradebook is, row by row, what nbgrader's own converter and steps leave there."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta, timezone

import pytest
from nbgrader.api import Gradebook
from nbgrader.plugins import BasePlugin
from traitlets.config import Config

from graders.graded import UNREADABLE, Graded, GradedNotebook
from graders.nbgrader_plugin.gradebooks import final_score
from graders.nbgrader_plugin.writer import Entry, NotWritten, Written
from torchmagic.errors import TorchmagicError

from .books import ASSIGNMENT, DUE, Book, Paper, full, with_kept

EARLY, LATE = DUE - timedelta(hours=1), DUE + timedelta(hours=26)
HALF = {"one": {"t1": 1.0, "t2": 0.35}, "two": {"t": 0.0, "u": 0.1}}


class PerDay(BasePlugin):
    """A tenth of the points for each day begun; too much for some, so that nbgrader's own check is needed."""

    def late_submission_penalty(self, student_id: str, score: float, total_seconds_late: float) -> float | None:
        if student_id == "forgiven":
            return None
        if student_id == "bonus":
            return -1.0
        return 0.7 * (1 + total_seconds_late // 86400)


def _plugin(name: str, **options: str) -> Config:
    config = Config()
    config.AssignLatePenalties.plugin_class = name
    config.LateSubmissionPlugin.update(options)
    return config


NOTHING = Config()
ZERO = _plugin("nbgrader.plugins.LateSubmissionPlugin", penalty_method="zero")
PER_DAY = _plugin(f"{__name__}.PerDay")
CLASS = ("ada", "bob", "forgiven", "bonus")


def _papers(students: tuple[str, ...] = CLASS, **values: object) -> list[Paper]:
    return [replace(Paper(student, full()), **values) for student in students]  # type: ignore[arg-type]


def by_hand(gradebook: Gradebook) -> None:
    """What a person does in the formgrader: a score with extra credit, extra credit alone, a comment, a flag."""
    entry = gradebook.find_submission_notebook("one", ASSIGNMENT, "ada")
    for grade in entry.grades:
        if grade.name == "t1":
            grade.manual_score, grade.extra_credit, grade.needs_manual_grade = 1.5, 0.25, False
        if grade.name == "t2":
            grade.extra_credit = 0.1
        if grade.name in ("words", "draw"):
            grade.manual_score, grade.needs_manual_grade = 2.0, False
    for comment in entry.comments:
        comment.manual_comment = f"Seen: {comment.name}."
    entry.flagged = True
    gradebook.db.commit()


def extended(gradebook: Gradebook) -> None:
    gradebook.grant_extension(ASSIGNMENT, "ada", hours=25)
    gradebook.grant_extension(ASSIGNMENT, "bob", days=2)


def due_never(gradebook: Gradebook) -> None:
    gradebook.update_or_create_assignment(ASSIGNMENT, duedate=None)


Step = list[Paper] | Callable[[Gradebook], None]

#: Grading and what people do in between, and the settings for late work.
STORIES: dict[str, tuple[Config, list[Step]]] = {
    "first": (NOTHING, [_papers()]),
    "wrong and unanswered": (NOTHING, [_papers(scores=HALF, answered=False)]),
    "again, better": (NOTHING, [_papers(scores=HALF), _papers(timestamp=EARLY)]),
    "again, worse": (ZERO, [_papers(timestamp=EARLY), _papers(scores=HALF, answered=False)]),
    "one notebook missing": (NOTHING, [_papers(scores=full("one")), _papers(scores=full("two"))]),
    "missing, and then there": (PER_DAY, [_papers(scores=full("two"), timestamp=LATE), _papers(scores=HALF)]),
    "late, all is lost": (ZERO, [_papers(timestamp=LATE)]),
    "late, by nbgrader's default": (NOTHING, [_papers(timestamp=LATE)]),
    "late, by a plugin": (PER_DAY, [_papers(timestamp=LATE, scores=HALF)]),
    "late, and then in time": (PER_DAY, [_papers(timestamp=LATE), _papers(timestamp=EARLY)]),
    "late, and a notebook taken away": (PER_DAY, [_papers(timestamp=LATE), _papers(scores=full("two"))]),
    "extended": (PER_DAY, [_papers(timestamp=LATE), extended, _papers(timestamp=LATE)]),
    "no due date any more": (ZERO, [_papers(timestamp=LATE), due_never, _papers(timestamp=LATE)]),
    "by hand": (PER_DAY, [_papers(), by_hand, _papers(scores=HALF, timestamp=LATE)]),
    "by hand, and a notebook taken away": (NOTHING, [_papers(), by_hand, _papers(scores=full("two"))]),
}


@pytest.mark.e2e
@pytest.mark.slow
@pytest.mark.parametrize("story", STORIES)
def test_the_rows_are_those_of_nbgraders_own_way(story: str, book: Book, reference: Book) -> None:
    config, steps = STORIES[story]
    with book.writer(config) as writer:
        for step in steps:
            if isinstance(step, list):
                for paper in step:
                    reference.autograde(paper, config)
                written = writer.write([paper.entry() for paper in step])
                assert [one.student for one in written] == [paper.student for paper in step]
            else:
                for each in (reference, book):
                    with each.gradebook() as gradebook:
                        step(gradebook)
            assert book.rows() == reference.rows()
        with reference.gradebook() as gradebook:
            entries = gradebook.assignment_submissions(ASSIGNMENT)
            wanted = {
                entry.student.id: Written(
                    entry.student.id,
                    pytest.approx(final_score(entry)),
                    pytest.approx(entry.max_score),
                    entry.total_seconds_late,
                    entry.needs_manual_grade,
                    changed=False,
                )
                for entry in entries
            }
            grades = {
                entry.student.id: {(nb.name, grade.name): grade.auto_score for nb in entry.notebooks for grade in nb.grades}
                for entry in entries
            }
        assert writer.scores() == wanted
        assert writer.grades() == grades
        again = writer.write([paper.entry() for paper in step]) if isinstance(step, list) else []
        assert again == [wanted[one.student] for one in again]
    assert book.rows() == reference.rows()
