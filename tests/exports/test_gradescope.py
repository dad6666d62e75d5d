"""results.json is as Gradescope documents it, and no word of a hidden test is in it."""

from __future__ import annotations

import io
import json
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import given
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output
from nbgrader.api import Gradebook
from traitlets.config import Config

from graders.nbgrader_plugin.exports.files import file_name
from graders.nbgrader_plugin.exports.gradescope import GradescopeExport
from graders.nbgrader_plugin.exports.rows import ExportRow, read_rows
from torchmagic.errors import TorchmagicError

from .any_rows import any_rows, law

_VISIBILITY = {"enum": ["hidden", "after_due_date", "after_published", "visible"]}
_FORMAT = {"enum": ["text", "html", "simple_format", "md", "ansi"]}
#: https://gradescope-autograders.readthedocs.io/en/latest/specs/, "Output format": the fields that it names.
SCHEMA: dict[str, Any] = {
    "type": "object",
    "additionalProperties": False,
    "anyOf": [
        {"required": ["score"]},
        {"required": ["tests"], "properties": {"tests": {"items": {"required": ["score"]}}}},
    ],
    "properties": {
        "score": {"type": "number"},
        "execution_time": {"type": "number"},
        "output": {"type": "string"},
        "output_format": _FORMAT,
        "test_output_format": _FORMAT,
        "test_name_format": _FORMAT,
        "visibility": _VISIBILITY,
        "stdout_visibility": _VISIBILITY,
        "extra_data": {"type": "object"},
        "tests": {
            "type": "array",
            "items": {
                "type": "object",
                "additionalProperties": False,
                "properties": {
                    "score": {"type": "number"},
                    "max_score": {"type": "number"},
                    "status": {"enum": ["passed", "failed"]},
                    "name": {"type": "string"},
                    "name_format": _FORMAT,
                    "number": {"type": "string"},
                    "output": {"type": "string"},
                    "output_format": _FORMAT,
                    "tags": {"type": "array", "items": {"type": "string"}},
                    "visibility": _VISIBILITY,
                    "extra_data": {"type": "object"},
                },
            },
        },
        "leaderboard": {
            "type": "array",
            "items": {
                "type": "object",
                "additionalProperties": False,
                "required": ["name", "value"],
                "properties": {
                    "name": {"type": "string"},
                    "value": {"type": ["number", "string"]},
                    "order": {"enum": ["asc", "desc"]},
                },
            },
        },
    },
}

SECRET = "the answer is 42"


def results(rows: list[ExportRow], course: Path | None = None, **options: object) -> dict[str, Any]:
    """By path, each results.json; all of them are as Gradescope documents."""
    config = Config({"CourseDirectory": {"root": str(course)}} if course else {})
    files = GradescopeExport(config=config, **options).render(rows).content
    assert isinstance(files, dict)
    found = {path: json.loads(text) for path, text in files.items() if path.endswith("results.json")}
    for result in found.values():
        jsonschema.validate(result, SCHEMA)
    return found


def test_the_schema_can_say_no() -> None:
    for wrong in ({}, {"score": "1"}, {"score": 1, "tests": [{"state": "passed"}]}, {"tests": [{"name": "a"}]}):
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(wrong, SCHEMA)
    jsonschema.validate({"tests": [{"score": 1}]}, SCHEMA)


@pytest.mark.slow
def test_a_folder_for_each_student_who_submitted(gradebook: Gradebook) -> None:
    found = results(read_rows(gradebook))
    assert sorted(found) == [
        "ps1/ada/results.json",
        "ps1/bob/results.json",
        "ps1/eve/results.json",
        "ps1/naïve-ü/results.json",
        "ps10/ada/results.json",
        "ps10/zed/results.json",
    ]
    ada, bob = found["ps1/ada/results.json"], found["ps1/bob/results.json"]
    assert ada["score"] == 12.0
    assert {test["name"]: test["score"] for test in ada["tests"]} == {
        "part2/essay": 1.0,
        "part2/words": 5.5,
        "ps1/t2": 2.0,
        "ps1/t10": 3.5,
    }
    assert bob["score"] == 2.25, "less the late penalty, which no test shows"
    assert bob["output"] == "Late by 3600 seconds: 1 points less."
    assert bob["tests"][1]["output"] == "=1+1"
    assert [test["status"] for test in ada["tests"]] == ["passed", "passed", "passed", "failed"]


def test_what_waits_for_grading_has_neither_score_nor_status(gradebook: Gradebook) -> None:
    eve = results(read_rows(gradebook, ["ps1"], ["eve"]))["ps1/eve/results.json"]
    waiting = {test["name"]: test for test in eve["tests"] if "score" not in test}
    assert set(waiting) == {"part2/essay", "part2/words"}
    assert all(test["output"] == "Not graded yet." and "status" not in test for test in waiting.values())
    assert "wait for grading by hand" in eve["output"]
    assert results(read_rows(gradebook, ["ps1"], ["eve"]), blank_until_graded=True) == {}


def test_missing_work_can_count_zero(gradebook: Gradebook) -> None:
    found = results(read_rows(gradebook, ["ps1"]), missing="zero")
    assert found["ps1/nobody/results.json"]["score"] == 0.0
    assert found["ps1/nobody/results.json"]["output"] == "No submission."


def test_visibility_and_leaderboard(gradebook: Gradebook) -> None:
    found = results(read_rows(gradebook, ["ps10"]), visibility="after_published", leaderboard=True)
    zed = found["ps10/zed/results.json"]
    assert zed["visibility"] == "after_published"
    assert zed["leaderboard"] == [{"name": "Score", "value": 1 / 3, "order": "desc"}]


def test_combined(gradebook: Gradebook) -> None:
    rows = read_rows(gradebook)
    content = GradescopeExport(combined=True).render(rows).content
    assert isinstance(content, bytes)
    tree = json.loads(content)
    assert {f"{a}/{s}/results.json": tree[a][s] for a in tree for s in tree[a]} == results(rows)


@pytest.mark.slow
@law
@given(any_rows())
def test_whatever_is_written_there(rows: list[ExportRow]) -> None:
    found = results(rows, missing="zero")
    assert len(found) == len(rows)
    for path in found:
        parts = path.split("/")
        assert len(parts) == 3
        assert ".." not in parts
        assert "." not in parts


@pytest.mark.parametrize("name", ["..", ".", "", "../../x", "a/b", "a\\b", "a\x00b", "%2E", "ada@x.org", "naïve-ü"])
def test_file_names_lead_nowhere(name: str) -> None:
    made = file_name(name)
    assert made not in ("", ".", "..")
    assert not set(made) & set("/\\\x00")
    if name in ("ada@x.org", "naïve-ü"):
        assert made == name
    assert file_name("%2E") != file_name(".")


# --- what tests said -------------------------------------------------------------------------------------------------


def _meta(name: str, *, grade: bool = True) -> dict[str, Any]:
    kind = {"grade": grade, "solution": not grade, "locked": grade, "task": False, "points": 2}
    return {"nbgrader": {**kind, "grade_id": name, "schema_version": 3}}


def _failed(words: str) -> Any:
    return new_output("error", ename="AssertionError", evalue=words, traceback=[f"\x1b[31m{words}\x1b[0m"])


def _graded(course: Path, student: str, tests: list[Any], **metadata: object) -> None:
    folder = course / "autograded" / student / "ps1"
    folder.mkdir(parents=True)
    own = new_code_cell("print('mine')", metadata=_meta("f", grade=False), outputs=[_failed("my own")])
    nb = new_notebook(cells=[new_markdown_cell("# Text"), own, *tests], metadata=metadata)
    (folder / "ps1.ipynb").write_text(json.dumps(nb))


def _said(course: Path, gradebook: Gradebook, student: str, **options: object) -> dict[str, str]:
    found = results(read_rows(gradebook, ["ps1"], [student]), course, **options)
    return {test["name"]: test["output"] for test in found[f"ps1/{student}/results.json"]["tests"]}


def test_failing_tests_say_why_in_the_notebooks_order(course: Path, gradebook: Gradebook) -> None:
    tests = [
        new_code_cell(
            "assert f()", metadata=_meta("t10"), outputs=[_failed("\x1b[31mgot 3\x1b[0m, not 4" + "!" * 2000)]
        ),
        new_code_cell("assert f()", metadata=_meta("t2"), outputs=[new_output("stream", text="printed")]),
    ]
    _graded(course, "ada", tests, torchmagic={"outcome": "failed", "by": "engine"})
    said = _said(course, gradebook, "ada")
    assert list(said)[:2] == ["ps1/t10", "ps1/t2"]
    assert said["ps1/t10"].startswith("AssertionError: got 3, not 4!!!")
    assert len(said["ps1/t10"]) < 1100
    assert said["ps1/t2"] == "", "what the student's code printed is not a test's word"
    assert _said(course, gradebook, "ada", outputs=False)["ps1/t10"] == ""


@pytest.mark.parametrize(
    "metadata", [{}, {"torchmagic": {"outcome": "failed", "by": "engine"}}], ids=["plain nbgrader", "forged"]
)
def test_no_word_of_a_hidden_test(course: Path, gradebook: Gradebook, metadata: dict[str, Any]) -> None:
    hidden = f"assert f()\n### BEGIN HIDDEN TESTS\nassert f(7) == 42, '{SECRET}'\n### END HIDDEN TESTS"
    _graded(course, "ada", [new_code_cell(hidden, metadata=_meta("t2"), outputs=[_failed(SECRET)])], **metadata)
    found = results(read_rows(gradebook), course)
    assert SECRET not in json.dumps(found)
    assert "42" not in json.dumps([test["output"] for test in found["ps1/ada/results.json"]["tests"]])
    assert "hidden tests" in _said(course, gradebook, "ada")["ps1/t2"]


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"cells": 7}', '{"cells": [{"cell_type": "code"}]}', "\x00"])
def test_an_autograded_notebook_that_is_none(course: Path, gradebook: Gradebook, content: str) -> None:
    folder = course / "autograded" / "ada" / "ps1"
    folder.mkdir(parents=True)
    (folder / "ps1.ipynb").write_text(content)
    assert set(_said(course, gradebook, "ada").values()) == {""}


def test_a_half_graded_notebook_says_nothing(course: Path, gradebook: Gradebook) -> None:
    tests = [new_code_cell("assert 0", metadata=_meta("t2"), outputs=[_failed("old")])]
    _graded(course, "ada", tests, torchmagic={"outcome": "unfinished", "host": "h", "process": 1})
    assert _said(course, gradebook, "ada")["ps1/t2"] == ""


# --- the autograder ---------------------------------------------------------------------------------------------------


def _autograder(gradebook: Gradebook, path: Path, assignment: str = "ps1") -> GradescopeExport:
    return GradescopeExport(autograder=True, to=str(path), assignment=[assignment] if assignment else [])


@pytest.mark.parametrize(
    ("users", "score"),
    [(["BOB@example.org"], 2.25), (["x@y.org", "ada@example.org"], 12.0), (["zed@example.org"], 0), ([], 0)],
)
def test_the_autograder_hands_out_what_was_exported(
    gradebook: Gradebook, tmp_path: Path, users: list[str], score: float
) -> None:
    exported = _autograder(gradebook, tmp_path / "ps1.zip").write(gradebook)
    assert exported.left_out == ("nobody",), "nobody has no email"
    with zipfile.ZipFile(tmp_path / "ps1.zip") as archive:
        archive.extractall(tmp_path / "autograder" / "source")
        assert archive.getinfo("run_autograder").external_attr >> 16 & 0o111
        assert archive.getinfo("setup.sh").external_attr >> 16 & 0o111
    here = tmp_path / "autograder"
    (here / "submission_metadata.json").write_text(json.dumps({"users": [{"email": user} for user in users]}))
    program = (here / "source" / "run_autograder").read_text().replace('Path("/autograder")', f'Path("{here}")')
    subprocess.run([sys.executable, "-c", program], check=True)
    result = json.loads((here / "results" / "results.json").read_text())
    jsonschema.validate(result, SCHEMA)
    assert result["score"] == score
    if not score:
        assert "No grade was exported" in result["output"]


def test_an_autograder_is_a_zip_of_one_assignment(gradebook: Gradebook, tmp_path: Path) -> None:
    with pytest.raises(TorchmagicError, match=r"these are 2: ps1, ps10"):
        _autograder(gradebook, tmp_path / "a.zip", "").write(gradebook)
    with pytest.raises(TorchmagicError, match=r"is a \.zip file"):
        _autograder(gradebook, tmp_path / "a").write(gradebook)
    with pytest.raises(TorchmagicError, match="either combined or an autograder"):
        GradescopeExport(autograder=True, combined=True).write(gradebook)


def test_the_same_grades_give_the_same_archive(gradebook: Gradebook, tmp_path: Path) -> None:
    for name in ("a.zip", "b.zip"):
        GradescopeExport(to=str(tmp_path / name)).write(gradebook)
    content = (tmp_path / "a.zip").read_bytes()
    assert content == (tmp_path / "b.zip").read_bytes()
    assert "ps1/naïve-ü/results.json" in zipfile.ZipFile(io.BytesIO(content)).namelist()


def test_a_folder_keeps_its_other_files(gradebook: Gradebook, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "notes.txt").write_text("mine")
    for _ in range(2):
        exported = GradescopeExport(to=str(tmp_path / "out")).write(gradebook)
    assert (exported.students, exported.assignments) == (5, 2)
    assert (tmp_path / "out" / "notes.txt").read_text() == "mine"
    jsonschema.validate(json.loads((tmp_path / "out/ps1/ada/results.json").read_text()), SCHEMA)
    assert not list((tmp_path / "out").rglob("*.part"))
