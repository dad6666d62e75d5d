"""`torchmagic grade` on real courses: right work, bad input, and what the gradebook keeps."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from .conftest import RIGHT, WRONG, Classroom, Run

pytestmark = [pytest.mark.e2e, pytest.mark.slow, pytest.mark.sandbox]

_WHOLE = b'{"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}'
BAD = {
    "truncated": _WHOLE[:30],
    "empty": b"",
    "binary": bytes(range(256)),
    "other-json": b'["no", "notebook"]',
    "not-json": b"print('hello')",
    "cells-of-a-wrong-kind": b'{"cells": {"a": 1}, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}',
    "future-format": b'{"cells": [], "metadata": {}, "nbformat": 99, "nbformat_minor": 0}',
}


def _scores(classroom: Classroom) -> dict[str, float]:
    return {entry.student: entry.score for entry in classroom.course.scores("ps1").values()}


def test_all_graded(run: Run, classroom: Classroom) -> None:
    classroom.hands_in("ada", RIGHT)
    classroom.hands_in("bob", WRONG)
    result = run("grade", "ps1", "--course", classroom.folder)
    assert result.exit_code == 0, result.output
    assert result.output.splitlines()[-1] == "Graded 2 of 2 submissions: 1 failed, 1 passed."
    assert _scores(classroom) == {"ada": 2.0, "bob": 0.0}
    assert "[2/2]" in result.output


def test_the_current_folder_is_the_course_unless_named(
    run: Run, classroom: Classroom, monkeypatch: pytest.MonkeyPatch
) -> None:
    classroom.hands_in("ada", RIGHT)
    monkeypatch.chdir(classroom.folder)
    assert run("grade", "ps1").exit_code == 0
    assert _scores(classroom) == {"ada": 2.0}


def test_bad_notebooks_do_not_stop_the_others(run: Run, classroom: Classroom) -> None:
    classroom.hands_in("ada", RIGHT)
    for student, content in BAD.items():
        classroom.hands_in(student, content)
    classroom.hands_in("nothing", None)
    classroom.hands_in("zoe", RIGHT)
    result = run("grade", "ps1", "--course", classroom.folder, "--jobs", 2)
    assert result.exit_code == 1
    kinds = f"2 passed; {len(BAD) + 1} not graded: {len(BAD)} unreadable, 1 missing"
    assert result.output.splitlines()[-1] == f"Graded 2 of {len(BAD) + 3} submissions: {kinds}."
    scores = _scores(classroom)
    assert (scores["ada"], scores["zoe"]) == (2.0, 2.0)
    for student in [*BAD, "nothing"]:
        assert scores.get(student, 0.0) == 0.0
        lines = [line for line in result.output.splitlines() if line.startswith(f"{student}: ")]
        assert len(lines) == 1, "one line that says what is wrong, where and what to do"
        assert "ps1.ipynb" in lines[0]


def test_a_bad_notebook_later_keeps_the_earlier_score(run: Run, classroom: Classroom) -> None:
    path = classroom.hands_in("ada", RIGHT)
    assert run("grade", "ps1", "--course", classroom.folder).exit_code == 0
    path.write_bytes(BAD["truncated"])
    assert run("grade", "ps1", "--course", classroom.folder, "--force").exit_code == 1
    assert _scores(classroom) == {"ada": 2.0}


def test_only_the_named_students(run: Run, classroom: Classroom) -> None:
    for student in ("ada", "bob", "cy"):
        classroom.hands_in(student, RIGHT)
    result = run("grade", "ps1", "--course", classroom.folder, "--student", "cy", "--student", "ada")
    assert result.exit_code == 0
    assert sorted(_scores(classroom)) == ["ada", "cy"]


def test_what_is_graded_is_graded_again_only_by_force(run: Run, classroom: Classroom) -> None:
    classroom.hands_in("ada", RIGHT)
    run("grade", "ps1", "--course", classroom.folder)
    autograded = classroom.folder / "autograded" / "ada" / "ps1" / "ps1.ipynb"
    first = autograded.stat().st_mtime_ns
    run("grade", "ps1", "--course", classroom.folder)
    assert autograded.stat().st_mtime_ns == first
    run("grade", "ps1", "--course", classroom.folder, "--force")
    assert autograded.stat().st_mtime_ns != first


def test_unknown_assignment(run: Run, classroom: Classroom) -> None:
    classroom.hands_in("ada", RIGHT)
    result = run("grade", "ps2", "--course", classroom.folder)
    assert result.exit_code == 2
    assert result.stderr.count("\n") == 1
    assert "ps2" in result.stderr
    assert "ps1" in result.stderr, "it names those that there are"


def test_unknown_student(run: Run, classroom: Classroom) -> None:
    classroom.hands_in("ada", RIGHT)
    result = run("grade", "ps1", "--course", classroom.folder, "--student", "eve")
    assert result.exit_code == 2
    assert result.stderr.count("\n") == 1
    assert "eve" in result.stderr
    assert _scores(classroom) == {}


def test_nobody_submitted(run: Run, classroom: Classroom) -> None:
    result = run("grade", "ps1", "--course", classroom.folder)
    assert result.exit_code == 2
    assert "ps1" in result.stderr


@pytest.mark.parametrize("where", ["nowhere", "empty"])
def test_no_course_there(run: Run, tmp_path: Path, where: str) -> None:
    (tmp_path / "empty").mkdir()
    result = run("grade", "ps1", "--course", where)
    assert result.exit_code == 2
    assert result.stderr.count("\n") == 1
    assert where in result.stderr
    assert "course init" in result.stderr


def test_configuration_that_does_not_load(run: Run, classroom: Classroom) -> None:
    (classroom.folder / "nbgrader_config.py").write_text("c = get_config(\n")
    result = run("grade", "ps1", "--course", classroom.folder)
    assert result.exit_code == 2
    assert result.stderr.count("\n") == 1
    assert "nbgrader_config.py" in result.stderr


def test_a_bad_test_cell_is_the_instructors_and_takes_nothing_away(run: Run, classroom: Classroom) -> None:
    classroom.hands_in("ada", RIGHT)
    assert run("grade", "ps1", "--course", classroom.folder).exit_code == 0
    source = classroom.folder / "source" / "ps1" / "ps1.ipynb"
    notebook = json.loads(source.read_text())
    notebook["cells"][1]["source"] = "import a_module_that_nobody_has\nassert double(2) == 4"
    source.write_text(json.dumps(notebook))
    classroom.course.generate("ps1")
    result = run("grade", "ps1", "--course", classroom.folder, "--force")
    assert result.exit_code == 1
    assert result.output.splitlines()[-1] == "Graded 0 of 1 submission; 1 not graded: 1 grader error."
    assert _scores(classroom) == {"ada": 2.0}
