"""`torchmagic report` writes a page and JSON, where it is told to."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from click.shell_completion import ShellComplete
from click.testing import CliRunner, Result

from graders.commands import app

from .test_page import small

Report = Callable[..., Result]


@pytest.fixture
def report(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Report:
    """Runs `torchmagic report hw` with more arguments, in a folder of its own, on results that are at hand."""
    monkeypatch.setattr("graders.nbgrader_plugin.results.class_results", lambda course, assignment: small())
    monkeypatch.chdir(tmp_path)

    def call(*arguments: str) -> Result:
        result = CliRunner().invoke(app, ["report", "hw", *arguments], prog_name="torchmagic")
        assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
        return result

    return call


def test_the_page_goes_into_the_course(report: Report, tmp_path: Path) -> None:
    result = report()
    page = tmp_path / "reports" / "hw.html"
    assert result.exit_code == 0
    assert (
        result.output
        == f"Report on hw (7 of 9 students with an attempt): {Path('reports/hw.html')}. 1 grader error: mend them first.\n"
    )
    assert page.read_text(encoding="utf-8").startswith("<!DOCTYPE html>")


def test_json_alone_goes_to_the_terminal(report: Report, tmp_path: Path) -> None:
    assert json.loads(report("--json", "-").stdout)["students"] == 9
    assert not (tmp_path / "reports").exists()


def test_both_go_where_they_are_told(report: Report, tmp_path: Path) -> None:
    assert report("--json", "a/b.json", "--output", "c/d.html").exit_code == 0
    assert json.loads((tmp_path / "a" / "b.json").read_text())["format"] == "torchmagic report"
    assert (tmp_path / "c" / "d.html").is_file()


def test_an_anonymous_page_overwrites_no_other_and_names_nobody(report: Report, tmp_path: Path) -> None:
    assert report("--anonymous").exit_code == 0
    text = (tmp_path / "reports" / "hw-anonymous.html").read_text(encoding="utf-8")
    assert not re.search(r"\b(ada|bob|cyd|dee|eve|fay|kim|gus|hal)\b", text)


def test_a_file_that_cannot_be_written_is_one_line(report: Report, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    result = report("--output", "file/page.html")
    assert result.exit_code == 2
    assert result.stderr.startswith("torchmagic: file/page.html cannot be written")
    assert "--output" in result.stderr


def test_the_shell_completes_assignments(tmp_path: Path) -> None:
    (tmp_path / "source" / "backward_pass").mkdir(parents=True)
    found = ShellComplete(app, {}, "torchmagic", "_TORCHMAGIC_COMPLETE").get_completions(
        ["report", "--course", str(tmp_path)], "back"
    )
    assert [item.value for item in found] == ["backward_pass"]
