"""From submissions through real autograding into Gradescope's results: no word of a hidden test on the way."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest

from graders.nbgrader_plugin.exports.course import export_grades
from tests.plugin.conftest import RIGHT, WRONG, School, generated, school

from .platforms import canvas_reads
from .test_gradescope import SCHEMA

__all__ = ["generated", "school"]  # fixtures

pytestmark = [pytest.mark.slow, pytest.mark.e2e, pytest.mark.sandbox]

#: Right for the visible test of squares, and wrong for the hidden one.
HALF = {**RIGHT, "squares": "def squares(n):\n    return [0, 1, 4, 0, 0][:n]"}


def test_what_was_graded_is_exported(school: School, tmp_path: Path) -> None:
    for student, answers in {"ada": RIGHT, "bob": WRONG, "cy": HALF}.items():
        school.hand_in(student, school.answers(answers))
    done = school.nbgrader("autograde", "ps1")
    assert done.returncode == 0, done.stderr
    export_grades(school.folder, "canvas", to=tmp_path / "canvas.csv", assignments=["ps1"])
    scores = canvas_reads((tmp_path / "canvas.csv").read_bytes()).scores
    assert {identity[1]: float(cells["ps1"]) for identity, cells in scores.items()} == school.scores()
    assert float(scores["", "ada", ""]["ps1"]) == 6.0, "what is written by hand waits"

    exported = export_grades(school.folder, "gradescope", to=tmp_path / "results")
    assert exported.students == 3
    results = {
        student: json.loads((tmp_path / "results" / "ps1" / student / "results.json").read_text())
        for student in ("ada", "bob", "cy")
    }
    for result in results.values():
        jsonschema.validate(result, SCHEMA)
        assert "assert_array_equal" not in json.dumps(result)
        assert "9, 16" not in json.dumps(result)
    said = {student: {test["name"]: test["output"] for test in results[student]["tests"]} for student in results}
    assert list(said["ada"]) == ["check-squares", "check-mean", "words"], "as in the notebook"
    assert said["ada"]["check-squares"] == ""
    assert said["bob"]["check-squares"] != ""
    assert said["cy"]["check-squares"] != ""
    assert [test.get("score") for test in results["ada"]["tests"]] == [2.0, 4.0, None]
