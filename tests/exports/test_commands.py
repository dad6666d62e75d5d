"""`torchmagic export` and nbgrader's own `nbgrader export` write the same, whole or not at all."""

from __future__ import annotations

import json
import os
import resource
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from click.shell_completion import ShellComplete
from click.testing import CliRunner, Result
from nbgrader.api import Gradebook
from nbgrader.apps.exportapp import ExportApp

from graders.commands import app
from graders.nbgrader_plugin.exports import FORMATS
from graders.nbgrader_plugin.exports.course import options_of, plugin_of
from graders.nbgrader_plugin.exports.files import write_export
from graders.nbgrader_plugin.exports.parquet import from_parquet
from graders.nbgrader_plugin.exports.rows import read_rows
from torchmagic.errors import TorchmagicError

from .platforms import canvas_reads, moodle_reads

Run = Callable[..., Result]
MADE = {
    "canvas": "canvas.csv",
    "csv": "grades.csv",
    "gradescope": "gradescope.zip",
    "moodle": "moodle.csv",
    "moodle-worksheet": "moodle-worksheet.csv",
    "parquet": "grades.parquet",
}


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs `torchmagic export` with the arguments, in a folder of its own."""
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")

    def call(*arguments: object) -> Result:
        words = ["export", *map(str, arguments)]
        result = CliRunner().invoke(app, words, prog_name="torchmagic")
        assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
        return result

    return call


def fails(result: Result, *words: str) -> None:
    """It ends with 2 and one line that says these words."""
    assert result.exit_code == 2, result.output
    assert result.stderr.count("\n") == 1, result.stderr
    for word in words:
        assert word in result.stderr


@pytest.mark.parametrize("name", sorted(FORMATS))
def test_both_commands_write_the_same(run: Run, filled: Path, name: str) -> None:
    result = run(name, "ps1", "--course", filled, "--to", "ours")
    assert result.exit_code == (1 if name.startswith("moodle") else 0), result.output
    assert result.output.splitlines()[-1].endswith("1 assignment: ours")
    command = ExportApp()
    command.initialize(
        [f"--exporter={FORMATS[name]}", "--to=theirs", "--assignment=ps1", f"--db=sqlite:///{filled}/gradebook.db"]
    )
    command.start()
    ours, theirs = Path("ours"), Path("theirs")
    if ours.is_dir():
        files = sorted(path.relative_to(ours) for path in ours.rglob("*.json"))
        assert len(files) == 4
        assert [(ours / file).read_bytes() for file in files] == [(theirs / file).read_bytes() for file in files]
    else:
        assert ours.read_bytes() == theirs.read_bytes()


@pytest.mark.slow
@pytest.mark.e2e
def test_nbgraders_command_with_options_of_its_own(course: Path) -> None:
    with (course / "nbgrader_config.py").open("a") as config:
        config.write("c.CanvasExport.identifier = 'SIS Login ID'\n")
    words = [f"--exporter={FORMATS['canvas']}", "--CanvasExport.missing=omit", "--CanvasExport.assignments", "ps1=77"]
    command = [sys.executable, "-m", "nbgrader", "export", *words, "--assignment", "ps1", "--student", "ada"]
    done = subprocess.run(command, cwd=course, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    found = canvas_reads((course / "canvas.csv").read_bytes())
    assert found.scores == {("", "", "ada"): {"ps1 (77)": "12"}}
    wrong = subprocess.run([*command, "--assignment", "ps2"], cwd=course, capture_output=True, text=True, check=False)
    assert wrong.returncode == 1
    assert "has no assignment 'ps2'. It knows: ps1, ps10." in wrong.stderr
    assert "Traceback" not in wrong.stderr


@pytest.mark.parametrize("name", sorted(FORMATS))
def test_each_has_its_own_file_name(run: Run, filled: Path, name: str) -> None:
    assert set(MADE) == set(FORMATS)
    run(name, "ps1", "--course", filled)
    assert [path.name for path in Path().iterdir()] == [MADE[name]]


def test_the_course_is_here_unless_named(run: Run, course: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(course)
    assert run("parquet").exit_code == 0
    with Gradebook("sqlite:///gradebook.db", "exports") as gradebook:
        assert from_parquet((course / "grades.parquet").read_bytes()) == read_rows(gradebook)


def test_options_on_the_command_line_come_before_the_configuration(run: Run, course: Path) -> None:
    with (course / "nbgrader_config.py").open("a") as config:
        config.write("c.MoodleExport.decimal = ','\nc.MoodleExport.identifier = 'Username'\n")
    assignments = ["--set", "assignments=ps1=Homework, part 1", "--set", "assignments=ps10=B=C"]
    result = run("moodle", "--course", course, "--set", "identifier=ID number", "--set", "feedback=true", *assignments)
    assert result.exit_code == 0, result.output
    header, users = moodle_reads(Path("moodle.csv").read_bytes(), decimal=",")
    assert header[3:] == ["Homework, part 1", "Homework, part 1 (Feedback)", "B=C", "B=C (Feedback)"]
    assert users["102"]["Homework, part 1"] == "2,25"


def test_an_earlier_export_is_replaced_whole(run: Run, filled: Path) -> None:
    Path("canvas.csv").write_text("earlier" * 1000)
    Path("linked.csv").symlink_to("canvas.csv")
    assert run("canvas", "--course", filled, "--to", "linked.csv").exit_code == 0
    assert Path("linked.csv").is_symlink()
    canvas_reads(Path("canvas.csv").read_bytes())
    assert sorted(path.name for path in Path().iterdir()) == ["canvas.csv", "linked.csv"]


def test_to_where_nothing_can_be_written(run: Run, filled: Path) -> None:
    Path("taken").mkdir()
    Path("file").write_text("kept")
    fails(run("canvas", "--course", filled, "--to", "taken"), "taken is a folder")
    fails(run("canvas", "--course", filled, "--to", "no/such.csv"), "There is no folder no")
    fails(run("gradescope", "--course", filled, "--to", "file"), "file/ps1/", "cannot be made")
    assert Path("file").read_text() == "kept"
    assert not list(Path("taken").iterdir())


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_may_not_be_written_to(run: Run, filled: Path) -> None:
    Path("locked").mkdir(mode=0o500)
    fails(run("canvas", "--course", filled, "--to", "locked/a.csv"), "locked/a.csv cannot be written")


def test_a_pipe_gets_it_straight(filled: Path, tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = subprocess.Popen([sys.executable, "-c", f"print(open({str(pipe)!r}).read())"], stdout=subprocess.PIPE)
    write_export(pipe, b"through")
    assert reader.communicate(timeout=60)[0].strip() == b"through"
    assert pipe.is_fifo()


def test_what_fails_leaves_the_earlier_export(tmp_path: Path) -> None:
    place = tmp_path / "grades.csv"
    place.write_bytes(b"earlier")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, hard))  # as a disk that is full
    try:
        with pytest.raises(TorchmagicError, match=r"grades\.csv cannot be written \(File too large\)"):
            write_export(place, b"new" * 1000)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert place.read_bytes() == b"earlier"
    assert [path.name for path in tmp_path.iterdir()] == ["grades.csv"]


def test_names_that_are_not_there(run: Run, filled: Path) -> None:
    fails(run("canvas", "ps2", "--course", filled), "'ps2'", "ps1, ps10")
    fails(run("csv", "--student", "eva", "--course", filled), "'eva'", "ada, bob")
    fails(run("moodle-worksheet", "--course", filled), "of one assignment", "ps1, ps10")
    assert not list(Path().iterdir())


def test_options_that_are_not_there_or_not_right(run: Run, filled: Path) -> None:
    fails(run("canvas", "--course", filled, "--set", "colour=red"), "no option 'colour'", "identifier")
    fails(run("canvas", "--course", filled, "--set", "identifier=Name"), "identifier", "SIS Login ID")
    fails(run("canvas", "--course", filled, "--set", "blank_until_graded=perhaps"), "blank_until_graded")
    fails(run("canvas", "--course", filled, "--set", "section"), "--set section", "OPTION=VALUE")
    fails(run("canvas", "--course", filled, "--set", "assignments=4711"), "assignments")
    assert not list(Path().iterdir())


def test_no_course_no_gradebook_no_table(run: Run, bare: Path) -> None:
    fails(run("canvas", "--course", "nowhere"), "nowhere", "course init")
    fails(run("canvas", "--course", bare), "There is no gradebook", "gradebook.db")
    assert not (bare / "gradebook.db").exists(), "none is made by looking for it"
    (bare / "gradebook.db").write_bytes(b"no database at all" * 100)
    fails(run("canvas", "--course", bare), "cannot be read", "not a database")


def test_a_gradebook_that_an_older_nbgrader_made(run: Run, course: Path) -> None:
    with sqlite3.connect(course / "gradebook.db") as connection:
        connection.execute("ALTER TABLE student DROP COLUMN lms_user_id")
    connection.close()
    fails(run("canvas", "--course", course), "cannot be read", "lms_user_id", "nbgrader db upgrade")


@pytest.mark.slow
def test_a_gradebook_of_nobody(run: Run, bare: Path) -> None:
    with Gradebook(f"sqlite:///{bare}/gradebook.db", "exports") as gradebook:
        gradebook.add_assignment("ps1")
    fails(run("canvas", "--course", bare), "nothing to export", "nbgrader db student add")


@pytest.mark.parametrize("name", sorted(FORMATS))
def test_every_option_is_explained(run: Run, name: str) -> None:
    result = run(name, "--options")
    assert result.exit_code == 0
    options = options_of(name)
    for option in options:
        assert option.help.endswith("."), option
        assert f"{option.name} = {option.default}" in result.output
    page = (Path(__file__).parents[2] / "docs" / "howto" / "exports.md").read_text(encoding="utf-8")
    assert plugin_of(name).__name__ in page
    assert not [option.name for option in options if f"`{option.name}`" not in page]


def test_help_and_wrong_usage(run: Run) -> None:
    page = run("--help").output
    assert "Examples:\n" in page
    assert "torchmagic export canvas ps1" in page
    assert "Exit status:\n  0" in page
    assert run().exit_code == run("excel").exit_code == 2


def test_the_shell_completes_formats_and_assignments(course: Path) -> None:
    for name in ("ps1", "other"):
        (course / "source" / name).mkdir(parents=True)
    complete = ShellComplete(app, {}, "torchmagic", "_TORCHMAGIC_COMPLETE")
    assert [item.value for item in complete.get_completions(["export"], "moo")] == ["moodle", "moodle-worksheet"]
    found = complete.get_completions(["export", "--course", str(course), "canvas"], "ps")
    assert [item.value for item in found] == ["ps1"]


def test_the_outputs_of_the_named_course(run: Run, course: Path) -> None:
    """Not of the folder that one stands in."""
    graded = course / "autograded" / "ada" / "ps10"
    graded.mkdir(parents=True)
    meta = {"grade": True, "solution": False, "locked": True, "points": 10, "grade_id": "t1", "schema_version": 3}
    error = {"output_type": "error", "ename": "AssertionError", "evalue": "too small", "traceback": []}
    cell = {"cell_type": "code", "source": ["assert ", "x"], "metadata": {"nbgrader": meta}, "outputs": [error]}
    (graded / "ps10.ipynb").write_text(json.dumps({"cells": [cell], "metadata": {}}))
    run("gradescope", "ps10", "--course", course, "--to", "out")
    text = Path("out/ps10/ada/results.json").read_text()
    assert json.loads(text)["tests"][0]["output"] == "AssertionError: too small"
