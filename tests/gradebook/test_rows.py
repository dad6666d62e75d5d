"""What the writer leaves in the gradebook is, row by row, what nbgrader's own converter and steps leave there."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from nbgrader.api import Gradebook
from nbgrader.plugins import LateSubmissionPlugin
from traitlets.config import Config

from graders.nbgrader_plugin.gradebooks import final_score
from graders.nbgrader_plugin.writer import GradebookWriter

from .books import ASSIGNMENT, DUE, Book, Paper, full

EARLY, LATE = DUE - timedelta(hours=1), DUE + timedelta(hours=26)
HALF = {"one": {"t1": 1.0, "t2": 0.35}, "two": {"t": 0.0, "u": 0.1}}


class Penalties(LateSubmissionPlugin):
    """nbgrader's own plugin for some, 0.7 points a day for others; for some too much, less than 0, or none at all."""

    def late_submission_penalty(self, student_id: str, score: float, total_seconds_late: float) -> float | None:
        if "zero" in student_id:
            return super().late_submission_penalty(student_id, score, total_seconds_late)
        if "forgiven" in student_id:
            return None
        return -1.0 if "bonus" in student_id else 0.7 * (1 + total_seconds_late // 86400)


CONFIG = Config()
CONFIG.AssignLatePenalties.plugin_class = f"{__name__}.Penalties"
CONFIG.LateSubmissionPlugin.penalty_method = "zero"

HANDED_IN: Mapping[str, Mapping[str, Any]] = {
    "right": {},
    "half": {"scores": HALF},
    "blank": {"scores": HALF, "answered": False},
    "early": {"timestamp": EARLY},
    "late": {"timestamp": LATE},
    "late-half": {"timestamp": LATE, "scores": HALF},
    "one": {"scores": full("one")},
    "two": {"scores": full("two")},
    "late-two": {"scores": full("two"), "timestamp": LATE},
}

#: What each student hands in, one time after the other.
CLASS = {
    "blank": ("blank", "right"),
    "better": ("half", "early"),
    "worse": ("early", "blank"),
    "a notebook missing": ("one", "two"),
    "missing, then there": ("late-two", "half"),
    "late zero": ("late", "late-half"),
    "late": ("late-half", "early"),
    "late forgiven": ("late", "late"),
    "late bonus": ("late", "right"),
    "late, then taken away": ("late", "two"),
    "extended": ("late", "late"),
    "extended for long": ("late", "late"),
    "by hand": ("right", "late-half"),
    "by hand, taken away": ("right", "two"),
    "by hand, late zero": ("right", "late"),
}


def people(gradebook: Gradebook) -> None:
    """What people do in between: extensions, scores with extra credit, extra credit alone, comments, flags."""
    gradebook.grant_extension(ASSIGNMENT, "extended", hours=25)
    gradebook.grant_extension(ASSIGNMENT, "extended for long", days=2)
    for student in (name for name in CLASS if name.startswith("by hand")):
        entry = gradebook.find_submission_notebook("one", ASSIGNMENT, student)
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


def due_never(gradebook: Gradebook) -> None:
    for student in ("extended", "extended for long"):  # nbgrader itself stops at an extension of no date
        gradebook.grant_extension(ASSIGNMENT, student)
    gradebook.update_or_create_assignment(ASSIGNMENT, duedate=None)


def _papers(time: int) -> list[Paper]:
    return [Paper(student, **{"scores": full(), **HANDED_IN[work[time]]}) for student, work in CLASS.items()]


#: Papers that are graded at once, and what people do in between.
STORY: list[list[Paper] | Callable[[Gradebook], None]] = [
    _papers(0),
    people,
    _papers(1),
    due_never,
    [paper for paper in _papers(0) if paper.student in ("late zero", "late bonus")],
]


@dataclass(frozen=True)
class Told:
    """What nbgrader's own way leaves: all rows; by student what is read of a submission; and its automatic scores."""

    rows: Mapping[str, Any]
    submissions: Mapping[str, tuple[Any, ...]]
    grades: Mapping[str, Any]


@pytest.fixture(scope="module")
def told(sqlite_made: Path, tmp_path_factory: pytest.TempPathFactory) -> list[Told]:
    """The story told by nbgrader itself: once for all, for it takes seconds."""
    folder = tmp_path_factory.mktemp("nbgrader") / "course"
    shutil.copytree(sqlite_made, folder)
    book = Book(folder, f"sqlite:///{folder}/gradebook.db")
    return [_tell(book, step) for step in STORY]


def _tell(book: Book, step: list[Paper] | Callable[[Gradebook], None]) -> Told:
    if isinstance(step, list):
        for paper in step:
            book.autograde(paper, CONFIG)
    with book.gradebook() as gradebook:
        if not isinstance(step, list):
            step(gradebook)
        entries = gradebook.assignment_submissions(ASSIGNMENT)
        submissions = {
            entry.student.id: (
                pytest.approx(final_score(entry)),
                pytest.approx(entry.max_score),
                entry.total_seconds_late,
                entry.needs_manual_grade,
            )
            for entry in entries
        }
        grades = {
            entry.student.id: {(nb.name, grade.name): grade.auto_score for nb in entry.notebooks for grade in nb.grades}
            for entry in entries
        }
    return Told(book.rows(), submissions, grades)


def _of(rows: Mapping[str, list[tuple[Any, ...]]], student: str) -> list[tuple[Any, ...]]:
    return [row for table in rows.values() for row in table if row[0] == student]


def _read(writer: GradebookWriter) -> dict[str, tuple[Any, ...]]:
    scores = writer.scores()
    assert not any(one.changed for one in scores.values())
    return {
        student: (one.score, one.max_score, one.late_seconds, one.needs_manual_grade) for student, one in scores.items()
    }


@pytest.mark.e2e
@pytest.mark.slow
def test_the_rows_are_those_of_nbgraders_own_way(book: Book, told: list[Told]) -> None:
    with book.writer(CONFIG) as writer:
        for step, wanted in zip(STORY, told, strict=True):
            if isinstance(step, list):
                before = book.rows()
                written = writer.write([paper.entry() for paper in step])
                assert [one.student for one in written] == [paper.student for paper in step]
                after = book.rows()
                changed = {one.student for one in written if _of(before, one.student) != _of(after, one.student)}
                assert {one.student for one in written if one.changed} == changed
            else:
                with book.gradebook() as gradebook:
                    step(gradebook)
            assert book.rows() == wanted.rows
            assert _read(writer) == wanted.submissions
            assert writer.grades() == wanted.grades
            if isinstance(step, list):
                again = writer.write([paper.entry() for paper in step])
                assert not any(one.changed for one in again)
                assert {one.student: one for one in again}.items() <= writer.scores().items()
                assert book.rows() == wanted.rows


@pytest.mark.e2e
def test_the_story_holds_what_it_is_about(told: list[Told]) -> None:
    """Penalties that were found, cut and taken away again; extensions; scores by hand: else equality says little."""
    penalties = [{row[:2]: row[3] for row in step.rows["notebook"]} for step in told]
    assert penalties[0]["late zero", "one"] == pytest.approx(2.7)
    assert penalties[0]["late", "one"] == pytest.approx(1.35)
    assert penalties[0]["late", "two"] == pytest.approx(0.1)
    assert penalties[2]["late", "one"] is None
    assert penalties[0]["late bonus", "one"] == 0.0
    assert penalties[0]["late forgiven", "one"] is None
    assert penalties[2]["extended", "one"] == pytest.approx(0.7)
    assert penalties[2]["extended for long", "one"] is None
    assert penalties[2]["by hand, late zero", "one"] == pytest.approx(1.5 + 0.25 + 0.7 + 0.1 + 2 + 2)
    assert penalties[4]["late zero", "one"] is None
