"""What the report is made from: the store, the gradebook and the folders of a real course."""

from __future__ import annotations

import pytest
from nbgrader.api import Gradebook

from graders.nbgrader_plugin.autograde import grade_assignment
from graders.nbgrader_plugin.results import class_results
from torchmagic.errors import TorchmagicError

from .conftest import RIGHT, WRONG, School

pytestmark = [pytest.mark.e2e, pytest.mark.slow, pytest.mark.sandbox]


def test_all_that_is_known_of_a_class(school: School) -> None:
    school.hand_in("ada", school.answers(RIGHT))
    school.hand_in("bob", school.answers(WRONG))
    school.hand_in("cut", b'{"cells": [')
    grade_assignment(school.folder, "ps1", jobs=2)
    school.hand_in("late", school.answers(RIGHT))
    with Gradebook(f"sqlite:///{school.folder}/gradebook.db", "abc") as gradebook:
        grade = gradebook.find_grade("words", "ps1", "ps1", "ada")
        grade.manual_score, grade.extra_credit, grade.needs_manual_grade = 2.0, 0.5, False
        gradebook.db.commit()
    results = class_results(school.folder, "ps1")
    assert [(q.name, q.points, q.manual) for q in results.questions] == [
        ("check-squares", 2.0, False),
        ("check-mean", 4.0, False),
        ("words", 3.0, True),
    ]
    students = {student.student: student for student in results.students}
    assert {name: (student.outcome, student.score) for name, student in students.items()} == {
        "ada": ("passed", 8.5),
        "bob": ("failed", 1.0),
        "cut": ("unreadable", None),
        "late": ("not graded", None),
    }
    assert students["ada"].given == {("ps1", "words"): 2.5}
    assert students["ada"].sources["ps1/squares"] == RIGHT["squares"]
    assert results.released["ps1/squares"] != RIGHT["squares"]
    assert students["bob"].graded is not None
    assert [cell.name for cell in students["bob"].graded.notebooks[0].cells] == [
        "setup",
        "squares",
        "check-squares",
        "mean",
        "check-mean",
    ]


def test_what_nbgraders_own_command_graded_is_there_without_details(school: School) -> None:
    school.hand_in("ada", school.answers(RIGHT))
    assert school.nbgrader("autograde", "ps1").returncode == 0
    (ada,) = class_results(school.folder, "ps1").students
    assert (ada.outcome, ada.score, ada.graded) == ("passed", 6.0, None)
    assert ada.sources["ps1/squares"] == RIGHT["squares"]


def test_nobody_has_handed_in(school: School) -> None:
    with pytest.raises(TorchmagicError, match="Nobody has handed in 'ps1'"):
        class_results(school.folder, "ps1")
