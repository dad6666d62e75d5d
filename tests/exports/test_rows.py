"""The rows are what nbgrader's own objects say, for every student and assignment."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timezone
from pathlib import Path

import pytest
from nbgrader.api import Gradebook, MissingEntry
from sqlalchemy import event

from graders.nbgrader_plugin.exports.rows import ExportRow, Remark, natural, read_rows
from graders.nbgrader_plugin.gradebooks import final_score
from torchmagic.errors import TorchmagicError


def one(gradebook: Gradebook, assignment: str, student: str) -> ExportRow:
    (row,) = read_rows(gradebook, [assignment], [student])
    return row


def test_a_row_for_each_assignment_and_student(gradebook: Gradebook) -> None:
    rows = read_rows(gradebook)
    assert [row.assignment for row in rows] == ["ps1"] * 6 + ["ps10"] * 6, "by due date; those without one come last"
    assert [row.student_id for row in rows[:6]] == ["nobody", "eve", "ada", "naïve-ü", "bob", "zed"]


def test_scores_are_nbgraders_own(gradebook: Gradebook) -> None:
    for row in read_rows(gradebook):
        assert row.max_score == gradebook.find_assignment(row.assignment).max_score == 10
        try:
            theirs = gradebook.find_submission(row.assignment, row.student_id)
        except MissingEntry:
            assert not row.submitted
            assert (row.score, row.raw_score, row.questions, row.comments) == (0.0, 0.0, (), ())
            continue
        assert row.submitted
        assert (row.raw_score, row.late_penalty) == (theirs.score, theirs.late_submission_penalty)
        assert row.score == final_score(theirs)
        assert row.late_seconds == theirs.total_seconds_late
        assert row.needs_manual_grade == theirs.needs_manual_grade
        grades = [grade for notebook in theirs.notebooks for grade in notebook.grades]
        assert {(q.notebook, q.name): (q.score, q.max_score, q.cell_type) for q in row.questions} == {
            (grade.notebook.name, grade.name): (grade.score, grade.max_score, grade.cell_type) for grade in grades
        }


def test_a_penalty_never_makes_it_negative(gradebook: Gradebook) -> None:
    row = one(gradebook, "ps1", "naïve-ü")
    assert (row.raw_score, row.late_penalty, row.score) == (0.125, 5.0, 0.0)


def test_a_manual_score_comes_before_the_automatic_one_and_extra_credit_on_top(gradebook: Gradebook) -> None:
    questions = {question.name: question for question in one(gradebook, "ps1", "bob").questions}
    assert (questions["t10"].auto_score, questions["t10"].manual_score, questions["t10"].score) == (4.0, 2.25, 2.25)
    row = one(gradebook, "ps1", "ada")
    assert {question.name: question.extra_credit for question in row.questions}["words"] == 2.5
    assert row.score == 12.0 > row.max_score


def test_an_extension_moves_the_due_date(gradebook: Gradebook) -> None:
    eve, bob = one(gradebook, "ps1", "eve"), one(gradebook, "ps1", "bob")
    assert eve.timestamp == bob.timestamp == datetime(2026, 3, 1, 13, tzinfo=timezone.utc)
    assert (eve.late_seconds, bob.late_seconds) == (0.0, 3600.0)
    assert one(gradebook, "ps10", "ada").due is None


def test_comments_are_the_graders_own_or_else_the_automatic_ones(gradebook: Gradebook) -> None:
    assert one(gradebook, "ps1", "ada").comments == (Remark("ps1", "f", 'Good: `x < y`, "really"\nsee \\"'),)
    assert one(gradebook, "ps1", "eve").comments == (Remark("ps1", "f", "No response."),)
    bob = one(gradebook, "ps1", "bob")
    assert {question.name: question.comment for question in bob.questions}["words"] == "=1+1"


def test_what_is_not_known_of_a_student_is_empty(gradebook: Gradebook) -> None:
    row = one(gradebook, "ps1", "nobody")
    assert (row.first_name, row.last_name, row.email, row.lms_user_id) == ("", "", "", "")


def test_questions_come_in_the_order_people_count_in(gradebook: Gradebook) -> None:
    assert [q.name for q in one(gradebook, "ps1", "ada").questions] == ["essay", "words", "t2", "t10"]
    assert sorted(["10", "9", "a", "1a", "١"], key=natural)[:2] == ["1a", "9"]


@pytest.mark.parametrize(
    ("assignments", "students", "named", "known"),
    [
        (["ps2"], [], "'ps2'", "ps1, ps10"),
        ([], ["ada", "eva"], "'eva'", "ada, bob"),
        (["[ps1,ps10]"], [], "ps10]", "ps1"),
    ],
)
def test_names_that_are_not_there(
    gradebook: Gradebook, assignments: list[str], students: list[str], named: str, known: str
) -> None:
    with pytest.raises(TorchmagicError) as caught:
        read_rows(gradebook, assignments, students)
    assert named in caught.value.message
    assert known in caught.value.hint


def test_only_those_named(gradebook: Gradebook) -> None:
    rows = read_rows(gradebook, ["ps10"], ["zed", "ada"])
    assert [(row.assignment, row.student_id) for row in rows] == [("ps10", "ada"), ("ps10", "zed")]
    assert [row.score for row in rows] == [10.0, 1 / 3]


@pytest.fixture
def statements(gradebook: Gradebook) -> Iterator[list[str]]:
    """What is sent to the database."""
    sent: list[str] = []

    def note(*args: object) -> None:
        sent.append(str(args[2]))

    event.listen(gradebook.engine, "before_cursor_execute", note)
    yield sent
    event.remove(gradebook.engine, "before_cursor_execute", note)


def test_as_many_queries_for_a_class_as_for_one_student(gradebook: Gradebook, statements: list[str]) -> None:
    read_rows(gradebook, ["ps1"], ["ada"])
    for_one = len(statements)
    statements.clear()
    read_rows(gradebook)
    assert len(statements) == for_one == 8


@pytest.mark.parametrize("field", ["auto_score", "manual_score", "extra_credit"])
def test_a_score_that_is_no_number_is_named(course: Path, field: str) -> None:
    """Also one that does not count: nobody could write it into JSON."""
    with Gradebook(f"sqlite:///{course}/gradebook.db", "exports") as gradebook:
        grade = gradebook.find_grade("t1", "ps10", "ps10", "ada")
        grade.manual_score = 1.0
        setattr(grade, field, float("inf"))
        gradebook.db.commit()
        with pytest.raises(TorchmagicError, match=r"no number, for 'ps10' of student 'ada'"):
            read_rows(gradebook)


def test_a_notebook_that_was_not_handed_in_counts_nothing(course: Path) -> None:
    with Gradebook(f"sqlite:///{course}/gradebook.db", "exports") as gradebook:
        gradebook.remove_submission_notebook("part2", "ps1", "ada")
        row = one(gradebook, "ps1", "ada")
    assert (row.score, row.max_score) == (5.5, 10.0)
    assert {q.name: (q.score, q.auto_score) for q in row.questions}["words"] == (0.0, None)
