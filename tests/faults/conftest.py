"""A class whose grading is disturbed, and what has to be there in the end: what an undisturbed run leaves."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from nbgrader.api import Gradebook

from tests.plugin.conftest import RIGHT, WRONG, School, generated

__all__ = ["generated"]

STUDENTS = tuple(f"s{number:02}" for number in range(24))
COMMAND = (sys.executable, "-c", "from graders.cli import main; main()")


@pytest.fixture(scope="session")
def handed_in(generated: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A course in which a class has handed in: each has their own text, some are wrong, some late."""
    folder = tmp_path_factory.mktemp("faults") / "course"
    shutil.copytree(generated, folder)
    school = School(folder)
    with Gradebook(f"sqlite:///{folder}/gradebook.db", "abc") as gradebook:
        gradebook.update_or_create_assignment("ps1", duedate="2026-01-01 12:00:00 UTC")
    with (folder / "nbgrader_config.py").open("a") as config:
        config.write("c.LateSubmissionPlugin.penalty_method = 'zero'\n")
    for number, student in enumerate(STUDENTS):
        given = {**(WRONG if number % 5 == 3 else RIGHT), "words": f"Because {student} says so."}
        path = school.hand_in(student, school.answers(given))
        when = "2026-01-01 13:00:00 UTC" if number % 7 == 6 else "2026-01-01 11:00:00 UTC"
        (path.parent / "timestamp.txt").write_text(when)
    return folder


@pytest.fixture(scope="session")
def undisturbed(handed_in: Path, tmp_path_factory: pytest.TempPathFactory) -> list[tuple[Any, ...]]:
    """What a run that nothing disturbs leaves in the gradebook and in the course's folder."""
    folder = tmp_path_factory.mktemp("undisturbed") / "course"
    shutil.copytree(handed_in, folder)
    done = grade(folder)
    assert done.returncode == 0, done.stdout + done.stderr
    return left_in(folder)


@pytest.fixture
def course(handed_in: Path, tmp_path: Path) -> Path:
    """A fresh copy of the class."""
    shutil.copytree(handed_in, tmp_path / "course")
    return tmp_path / "course"


def grade(folder: Path, *options: str) -> subprocess.CompletedProcess[str]:
    """Grade to the end."""
    command = [*COMMAND, "grade", "ps1", "--jobs", "2", *options]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=250, check=False)


def start(folder: Path, *options: str) -> subprocess.Popen[str]:
    """Begin to grade; its output can be read line by line."""
    command = [*COMMAND, "grade", "ps1", "--jobs", "2", *options]
    env = {**os.environ, "PYTHONUNBUFFERED": "1"}
    return subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=env)


def left_in(folder: Path, students: Sequence[str] = STUDENTS, db_url: str = "") -> list[tuple[Any, ...]]:
    """Every row of the gradebook that grading has a part in, and the autograded notebooks."""
    rows: list[tuple[Any, ...]] = []
    with Gradebook(db_url or f"sqlite:///{folder}/gradebook.db", "abc") as gradebook:
        for submission in gradebook.assignment_submissions("ps1"):
            rows.append((submission.student_id, str(submission.timestamp)))
            for notebook in submission.notebooks:
                rows.append((submission.student_id, notebook.name, notebook.late_submission_penalty))
                for grade in notebook.grades:
                    facts = (grade.auto_score, grade.manual_score, grade.extra_credit, grade.needs_manual_grade)
                    rows.append((submission.student_id, grade.name, *facts))
                rows += [(submission.student_id, c.name, c.auto_comment, c.manual_comment) for c in notebook.comments]
    for student in students:
        path = folder / "autograded" / student / "ps1" / "ps1.ipynb"
        rows.append((student, "autograded", path.read_text() if path.exists() else None))
    return sorted(rows, key=repr)
