"""Files beside a notebook: the student's code reads and writes copies, the judge reads the same ones as they were."""

from __future__ import annotations

from pathlib import Path

import pytest

from graders.engine import walls
from graders.engine.client import Engine
from graders.engine.report import Cell, Limits, Submission

FILES = {"data.csv": b"1,2", "deep/er/more.txt": b"more", "student/odd": b"1", ".student": b"", "modules": b""}


@pytest.mark.sandbox
def test_both_sides_have_them_and_neither_sees_the_others_changes(engine: Engine) -> None:
    cells = (
        Cell(0, "text = open('data.csv').read() + open('deep/er/more.txt').read()", "student"),
        Cell(1, "open('data.csv', 'w').write('changed')\nopen('own.txt', 'w').write('mine')", "student"),
        Cell(2, "import os\nassert text == '1,2more'\nassert open('data.csv').read() == '1,2'", "test", 1.0),
        Cell(3, "assert not os.path.exists('own.txt')", "test", 1.0),
    )
    report = engine.grade(Submission(cells, files=FILES, limits=Limits(total_seconds=30)))
    assert [report.of(key).score for key in (2, 3)] == [1.0, 1.0], report  # type: ignore[union-attr]


@pytest.mark.sandbox
def test_the_judge_imports_the_instructors_modules_only(engine: Engine) -> None:
    cells = (
        Cell(0, "import helper\nmine = helper.x", "student"),
        Cell(1, "import helper\nassert (mine, helper.x) == (1, 2)", "test", 1.0),
        Cell(2, "import only_the_students", "test", 1.0),
    )
    files = {"helper.py": b"x = 1", "only_the_students.py": b"raise SystemExit"}
    report = engine.grade(Submission(cells, files=files, modules={"helper.py": b"x = 2"}))
    assert report.of(1).score == 1.0, report  # type: ignore[union-attr]
    assert report.of(2).outcome.value == "grader error"  # type: ignore[union-attr]


@pytest.mark.parametrize("name", ["/etc/x", "../x", "a/../../x"])
def test_no_path_leads_out(name: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="leads out"):
        walls.lay_out({name: b""}, str(tmp_path / "in"))
    assert list(tmp_path.iterdir()) == []
