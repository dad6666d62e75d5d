"""`torchmagic course init`: a ready course, and nothing overwritten."""

from __future__ import annotations

from pathlib import Path

import nbformat
import pytest

from graders.courses import clone_assignments, config_text
from graders.nbgrader_plugin.config import course_config

from .conftest import Run, source_notebook


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """A course root to copy from: one assignment with a data file and a checkpoint."""
    folder = tmp_path / "origin" / "source" / "ps1"
    (folder / ".ipynb_checkpoints").mkdir(parents=True)
    nbformat.write(source_notebook(), folder / "ps1.ipynb")
    nbformat.write(source_notebook(), folder / ".ipynb_checkpoints" / "ps1-checkpoint.ipynb")
    (folder / "data.csv").write_text("1,2\n")
    return tmp_path / "origin"


def _files(folder: Path) -> dict[str, bytes]:
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def test_makes_a_course_that_nbgrader_can_read(run: Run, source: Path, tmp_path: Path) -> None:
    result = run("course", "init", "my course", "--source", source)
    assert result.exit_code == 0, result.output
    wanted = ["nbgrader_config.py", "source/ps1/data.csv", "source/ps1/ps1.ipynb"]
    assert sorted(_files(tmp_path / "my course")) == wanted
    config = course_config(tmp_path / "my course")
    assert config.CourseDirectory.course_id == "my-course"
    assert config.Autograde.autograde_preprocessors[0].startswith("graders.nbgrader_plugin")


@pytest.mark.parametrize("part", ["", "source"])
def test_source_may_be_a_course_or_its_source_folder(run: Run, source: Path, tmp_path: Path, part: str) -> None:
    assert run("course", "init", "new", "--source", source / part).exit_code == 0
    assert (tmp_path / "new" / "source" / "ps1" / "ps1.ipynb").exists()


def test_again_changes_nothing(run: Run, source: Path, tmp_path: Path) -> None:
    run("course", "init", "new", "--source", source)
    before = _files(tmp_path / "new")
    again = run("course", "init", "new", "--source", source)
    assert again.exit_code == 0
    assert "0 files written" in again.output
    assert _files(tmp_path / "new") == before


def test_never_overwrites(run: Run, source: Path, tmp_path: Path) -> None:
    mine = tmp_path / "new" / "source" / "ps1" / "data.csv"
    mine.parent.mkdir(parents=True)
    mine.write_text("my own")
    result = run("course", "init", "new", "--source", source)
    assert result.exit_code == 2
    assert "source/ps1/data.csv" in result.stderr
    assert _files(tmp_path / "new") == {"source/ps1/data.csv": b"my own"}


def test_a_file_in_the_place_of_the_course(run: Run, source: Path, tmp_path: Path) -> None:
    (tmp_path / "new").write_text("a file")
    result = run("course", "init", "new", "--source", source)
    assert (result.exit_code, result.stderr) == (2, "torchmagic: new is a file. Name another folder.\n")


@pytest.mark.parametrize("what", ["nowhere", "empty"])
def test_source_without_assignments(run: Run, tmp_path: Path, what: str) -> None:
    (tmp_path / "empty").mkdir()
    result = run("course", "init", "new", "--source", what)
    assert result.exit_code == 2
    assert result.stderr.count("\n") == 1
    assert what in result.stderr
    assert not (tmp_path / "new").exists()


def test_installation_without_a_clone(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("graders.courses.clone_assignments", lambda: tmp_path / "site-packages" / "assignments")
    result = run("course", "init", "new")
    assert result.exit_code == 2
    assert "`--source DIR`" in result.stderr
    assert not (tmp_path / "new").exists()


def test_the_whole_course_with_its_hints(run: Run, tmp_path: Path) -> None:
    result = run("course", "init", "whole")
    assert result.exit_code == 0, result.output
    ours = clone_assignments() / "source"
    topics = sorted(path.name for path in ours.iterdir() if path.is_dir())
    assert f"{len(topics)} assignments: {', '.join(topics)}." in result.output
    made = _files(tmp_path / "whole" / "source")
    assert made == {name: content for name, content in _files(ours).items() if ".ipynb_checkpoints" not in name}
    for topic in topics:
        assert {f"{topic}/{topic}.ipynb", f"{topic}/hints.json"} <= set(made)


def test_the_clones_own_course_has_the_same_configuration() -> None:
    assert (clone_assignments() / "nbgrader_config.py").read_text() == config_text("assignments")


def test_course_ids_are_ones_that_nbgrader_takes() -> None:
    for name in ('a"b', "ä ö", "..", "x/y", "{course_id}"):
        line = config_text(name).splitlines()[4]
        course_id = line.removeprefix('c.CourseDirectory.course_id = "').removesuffix('"')
        assert course_id
        assert set(course_id) <= set("abcdefghijklmnopqrstuvwxyz_-.")
