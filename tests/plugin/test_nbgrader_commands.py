"""nbgrader's own commands and the formgrader's call work through the engine by the one line of configuration."""

from __future__ import annotations

from typing import Any

import pytest
from nbgrader.apps.api import NbGraderAPI
from nbgrader.coursedir import CourseDirectory

from graders.nbgrader_plugin.config import course_config

from .conftest import ONE_LINE, RIGHT, WRONG, School

pytestmark = [pytest.mark.e2e, pytest.mark.slow, pytest.mark.sandbox]


def _outputs(nb: Any, name: str) -> str:
    cell = next(cell for cell in nb.cells if cell.metadata.get("nbgrader", {}).get("grade_id") == name)
    return "\n".join(str(output) for output in cell.outputs)


def test_autograde_and_feedback_for_a_class(school: School) -> None:
    school.hand_in("ada", school.answers(RIGHT))
    school.hand_in("bob", school.answers(WRONG))
    school.hand_in("cy", school.released())
    done = school.nbgrader("autograde", "ps1")
    assert done.returncode == 0, done.stderr
    assert school.scores() == {"ada": 6.0, "bob": 1.0, "cy": 0.0}
    bob = school.autograded("bob")
    assert bob.metadata["torchmagic"]["outcome"] == "failed"
    assert "AssertionError" in _outputs(bob, "check-squares")
    assert "1.0" in _outputs(bob, "check-mean")
    entries = school.course.scores("ps1")
    assert entries["ada"].needs_manual_grade, "the question in words waits for a person"
    done = school.nbgrader("generate_feedback", "ps1")
    assert done.returncode == 0, done.stderr
    page = (school.folder / "feedback" / "bob" / "ps1" / "ps1.html").read_text()
    assert "AssertionError" in page
    assert "check-squares" in page
    assert "assert_array_equal" not in page, "a hidden test stays hidden"
    assert "hidden tests" in page


def test_the_same_scores_without_the_line(school: School) -> None:
    """The honest half of the promise, on test cells that were not written for this project."""
    partial = {**RIGHT, "mean": "m = 7.0"}
    for student, given in {"ada": RIGHT, "bob": WRONG, "dora": partial}.items():
        school.hand_in(student, school.answers(given))
    assert school.nbgrader("autograde", "ps1").returncode == 0
    ours = school.scores()
    config = school.folder / "nbgrader_config.py"
    config.write_text(config.read_text().replace(ONE_LINE, ""))
    assert school.nbgrader("autograde", "ps1", "--force").returncode == 0
    assert school.scores() == ours == {"ada": 6.0, "bob": 1.0, "dora": 4.0}
    assert "torchmagic" not in school.autograded("ada").metadata, "that run was nbgrader's own"


def test_alembic_is_found_without_path(school: School) -> None:
    school.hand_in("ada", school.answers(RIGHT))
    done = school.nbgrader("autograde", "ps1", path="/usr/bin:/bin")
    assert done.returncode == 0, done.stderr
    assert school.scores() == {"ada": 6.0}


def test_the_formgraders_button(school: School, monkeypatch: pytest.MonkeyPatch) -> None:
    """The button posts to nbgrader's API, which runs the converter in the server's own process."""
    monkeypatch.chdir(school.folder)
    school.hand_in("ada", school.answers(RIGHT))
    school.hand_in("bad", b"{")
    config = course_config(school.folder)
    api = NbGraderAPI(CourseDirectory(config=config), config=config)
    said = api.autograde("ps1", "ada")
    assert said["success"], said
    assert "[INFO] ps1.ipynb of ada: passed" in said["log"], "the button's dialog shows how it ended"
    assert school.scores()["ada"] == 6.0
    said = api.generate_feedback("ps1", "ada")
    assert said["success"], said
    assert "[WARNING]" not in said["log"], said["log"]
    said = api.autograde("ps1", "bad")
    assert not said["success"]
    assert "Notebook does not appear to be JSON" in said["log"] or "bad" in said["log"]


def test_bad_notebooks_do_not_stop_nbgraders_own_command(school: School) -> None:
    school.hand_in("ada", school.answers(RIGHT))
    school.hand_in("bad", b'{"cells": [')
    school.hand_in("zoe", school.answers(RIGHT))
    done = school.nbgrader("autograde", "ps1")
    assert done.returncode != 0
    scores = school.scores()
    assert (scores["ada"], scores["zoe"]) == (6.0, 6.0)
    assert scores.get("bad", 0.0) == 0.0


def test_validate_still_works(school: School) -> None:
    path = school.hand_in("ada", school.answers(RIGHT))
    (path.parent / "table.csv").write_text("1,2\n3,4\n")
    done = school.nbgrader("validate", str(path))
    assert "Success" in done.stdout, done.stdout + done.stderr
