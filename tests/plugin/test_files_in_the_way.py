"""A student's file of the name of an instructor's folder, or the other way round: the instructor's own counts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import nbformat
import pytest

from graders.nbgrader_plugin.autograde import grade_assignment

from .conftest import School, check, notebook, solution


@pytest.fixture
def data(school: School) -> Any:
    """An assignment with a folder of the instructor's and a file of the instructor's; its released notebook, answered."""
    folder = school.folder / "source" / "data"
    (folder / "tables" / "deep").mkdir(parents=True)
    (folder / "tables" / "deep" / "one.txt").write_text("41")
    (folder / "plain").write_text("1")
    cells = [
        solution("q", "### BEGIN SOLUTION\nx = 42\n### END SOLUTION"),
        check(
            "t", 2, "wanted = int(open('tables/deep/one.txt').read()) + int(open('plain').read())\nassert x == wanted"
        ),
    ]
    nbformat.write(notebook(cells), folder / "data.ipynb")
    assert school.nbgrader("generate_assignment", "data").returncode == 0
    nb = school.released("data")
    nb["cells"][0]["source"] = "x = int(open('tables/deep/one.txt').read()) + int(open('plain').read())"
    return nb


def _block(folder: Path, what: str) -> None:
    if what == "a file for a folder":
        (folder / "tables").write_text("mine")
    elif what == "a file for a folder below":
        (folder / "tables").mkdir()
        (folder / "tables" / "deep").write_text("mine")
    elif what == "a folder for a file":
        (folder / "plain").mkdir()
        (folder / "plain" / "mine.txt").write_text("mine")
    (folder / "kept.txt").write_text("mine")


WAYS = ["a file for a folder", "a file for a folder below", "a folder for a file"]


@pytest.mark.slow
def test_the_instructor_s_files_count(school: School, data: Any) -> None:
    for number, what in enumerate(WAYS):
        _block(school.hand_in(f"s{number}", data, "data").parent, what)
    rows = grade_assignment(school.folder, "data")
    assert [(row.student, row.score, row.message) for row in rows] == [(f"s{n}", 2.0, "") for n in range(len(WAYS))]
    for number in range(len(WAYS)):
        autograded = school.folder / "autograded" / f"s{number}" / "data"
        assert (autograded / "tables" / "deep" / "one.txt").read_text() == "41"
        assert (autograded / "plain").read_text() == "1"
        assert (autograded / "kept.txt").read_text() == "mine"


@pytest.mark.slow
def test_so_they_do_where_a_course_has_hooks_of_its_own(school: School, data: Any) -> None:
    """Such a course is graded through nbgrader's own converter."""
    with (school.folder / "nbgrader_config.py").open("a") as config:
        config.write("\nc.Autograde.pre_convert_hook = lambda **given: None\n")
    for number, what in enumerate(WAYS):
        _block(school.hand_in(f"s{number}", data, "data").parent, what)
    rows = grade_assignment(school.folder, "data")
    assert [(row.student, row.score, row.message) for row in rows] == [(f"s{n}", 2.0, "") for n in range(len(WAYS))]
