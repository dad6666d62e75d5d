"""A real gradebook with everything in it that makes exports hard."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from nbgrader.api import Gradebook

from graders.courses import config_text
from graders.nbgrader_plugin import find_alembic

DUE = "2026-03-01 12:00:00 UTC"
HANDED_IN = datetime(2026, 3, 1, 11, 0, 0)

#: id: first name, last name, email, lms_user_id
STUDENTS = {
    "ada": ("Ada", "Lovelace", "ada@example.org", "101"),
    "bob": ('Bob "the, builder"', "O'Neil; Jr", "bob@example.org", "102"),
    "eve": ("=cmd|'/C calc'!A0", "+1+1", "eve@example.org", "103"),
    "naïve-ü": ("Zoë", "Müller\nØst 李", "zoe@example.org", "104"),
    "nobody": (None, None, None, None),
    "zed": ("Zed", "Points Possible", "zed@example.org", "106"),
}


def fill(gradebook: Gradebook) -> None:
    """Two assignments with similar names, one with a written question and a task; `nobody` hands nothing in."""
    for student, (first, last, email, lms) in STUDENTS.items():
        gradebook.add_student(student, first_name=first, last_name=last, email=email, lms_user_id=lms)
    gradebook.add_assignment("ps1", duedate=DUE)
    gradebook.add_assignment("ps10")
    for name in ("ps1", "ps10"):
        gradebook.add_notebook(name, name)
    gradebook.add_notebook("part2", "ps1")
    for cell, points in (("t2", 2), ("t10", 4)):
        gradebook.add_grade_cell(cell, "ps1", "ps1", max_score=points, cell_type="code")
    gradebook.add_solution_cell("f", "ps1", "ps1")
    gradebook.add_grade_cell("words", "part2", "ps1", max_score=3, cell_type="markdown")
    gradebook.add_solution_cell("words", "part2", "ps1")
    gradebook.add_task_cell("essay", "part2", "ps1", max_score=1, cell_type="markdown")
    gradebook.add_grade_cell("t1", "ps10", "ps10", max_score=10, cell_type="code")

    gradebook.add_submission("ps1", "ada", timestamp=HANDED_IN)
    gradebook.add_submission("ps1", "bob", timestamp=HANDED_IN + timedelta(hours=2))
    eve = gradebook.add_submission("ps1", "eve", timestamp=HANDED_IN + timedelta(hours=2))
    gradebook.add_submission("ps1", "naïve-ü", timestamp=HANDED_IN)
    eve.extension = timedelta(hours=3)
    _grade(
        gradebook, "ada", t2=(2.0, None, None), t10=(3.5, None, None), words=(None, 3.0, 2.5), essay=(None, 1.0, None)
    )
    _grade(
        gradebook, "bob", t2=(0.0, None, None), t10=(4.0, 2.25, None), words=(None, 1.0, None), essay=(None, 0.0, None)
    )
    _grade(gradebook, "eve", t2=(2.0, None, None), t10=(4.0, None, None))  # words and essay wait
    _grade(
        gradebook,
        "naïve-ü",
        t2=(0.0, None, None),
        t10=(0.125, None, None),
        words=(None, 0.0, None),
        essay=(None, 0.0, None),
    )
    late = gradebook.find_submission_notebook("ps1", "ps1", "bob")
    late.late_submission_penalty = 1.0
    all_gone = gradebook.find_submission_notebook("ps1", "ps1", "naïve-ü")
    all_gone.late_submission_penalty = 5.0
    _say(gradebook, "ada", "ps1", "f", auto="No response.", manual='Good: `x < y`, "really"\nsee \\"')
    _say(gradebook, "bob", "part2", "words", manual="=1+1")
    _say(gradebook, "eve", "ps1", "f", auto="No response.")

    for student in ("ada", "zed"):
        gradebook.add_submission("ps10", student)
        grade = gradebook.find_grade("t1", "ps10", "ps10", student)
        grade.auto_score, grade.needs_manual_grade = (10.0 if student == "ada" else 1 / 3), False
    gradebook.db.commit()


def _grade(gradebook: Gradebook, student: str, **scores: tuple[float | None, float | None, float | None]) -> None:
    for cell, (auto, manual, extra) in scores.items():
        notebook = "ps1" if cell.startswith("t") else "part2"
        grade = gradebook.find_grade(cell, notebook, "ps1", student)
        grade.auto_score, grade.manual_score, grade.extra_credit, grade.needs_manual_grade = auto, manual, extra, False


def _say(
    gradebook: Gradebook, student: str, notebook: str, cell: str, auto: str | None = None, manual: str | None = None
) -> None:
    comment = gradebook.find_comment(cell, notebook, "ps1", student)
    comment.auto_comment, comment.manual_comment = auto, manual


@pytest.fixture(scope="session", autouse=True)
def _own_alembic() -> None:
    find_alembic()


@pytest.fixture(scope="session")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A course folder with the gradebook; made once, and not to be changed."""
    folder = tmp_path_factory.mktemp("exports") / "course"
    folder.mkdir()
    (folder / "nbgrader_config.py").write_text(config_text("exports"))
    with Gradebook(f"sqlite:///{folder}/gradebook.db", "exports") as gradebook:
        fill(gradebook)
    return folder


@pytest.fixture
def course(filled: Path, tmp_path: Path) -> Path:
    """A copy of it."""
    shutil.copytree(filled, tmp_path / "course")
    return tmp_path / "course"


@pytest.fixture
def bare(tmp_path: Path) -> Path:
    """A course folder without a gradebook."""
    folder = tmp_path / "bare"
    folder.mkdir()
    (folder / "nbgrader_config.py").write_text(config_text("exports"))
    return folder


@pytest.fixture
def gradebook(filled: Path) -> Iterator[Gradebook]:
    """The gradebook, to be read."""
    with Gradebook(f"sqlite:///{filled}/gradebook.db", "exports") as gradebook:
        yield gradebook
