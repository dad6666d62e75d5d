"""`torchmagic demo` and its tour, on real files."""

from __future__ import annotations

import csv
import json
import sys
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook

from graders.courses import clone_assignments
from graders.tour import run_tour
from torchmagic.errors import TorchmagicError

from .conftest import Run


@pytest.mark.e2e
@pytest.mark.slow
@pytest.mark.sandbox
def test_a_small_class_from_release_to_feedback(run: Run, tmp_path: Path) -> None:
    result = run("demo", "here", "--students", 6)
    assert result.exit_code == 0, result.output
    folder = tmp_path / "here"
    topics = sorted(path.name for path in (folder / "source").iterdir())
    assert topics == sorted(path.name for path in (clone_assignments() / "source").iterdir() if path.is_dir())
    lines = result.output.splitlines()
    assert any(f"all {6 * len(topics)} scores as expected" in line for line in lines)
    paths = [Path(line.split(":", 1)[1].strip()) for line in lines[-3:]]
    assert [path.name for path in paths] == ["gradebook.db", "feedback", "tour.ipynb"]
    assert all(path.exists() for path in paths)
    for topic in topics:
        assert list(folder.glob(f"feedback/*/{topic}/{topic}.html"))
    tour = nbformat.read(paths[2], as_version=4)
    pages = [o.data.get("text/html", "") for cell in tour.cells for o in cell.get("outputs", []) if "data" in o]
    assert any("<svg" in page for page in pages)
    texts = [o.data.get("text/plain", "") for cell in tour.cells for o in cell.get("outputs", []) if "data" in o]
    assert any("per_student" in text for text in texts)
    assert "INFO" not in result.output, "what nbgrader logs is in the log file"
    assert "released" in (folder / "demo.log").read_text().lower()
    assert json.loads((folder / "demo.json").read_text())["mismatches"] == 0


@pytest.mark.e2e
@pytest.mark.slow
def test_a_class_for_a_load_test_of_one_assignment(run: Run, tmp_path: Path) -> None:
    """Made and collected, not graded; the same seed makes the same class."""
    arguments = ("--students", 70, "--seed", 1, "--assignment", "creating_tensors", "--no-grade")
    result = run("demo", "here", *arguments)
    assert result.exit_code == 0, result.output
    assert result.output.splitlines()[-1].strip() == "torchmagic grade creating_tensors --course here"
    folder = tmp_path / "here"
    assert not (folder / "autograded").exists()
    assert [path.parent.name for path in folder.glob("exchange/*/outbound/*/*.ipynb")] == ["creating_tensors"]
    with (folder / "class.csv").open(newline="") as file:
        table = list(csv.DictReader(file))
    assert len(table) == len(list(folder.glob("submitted/*/creating_tensors"))) == 70
    assert {row["score"] for row in table if row["kind"] == "right"} == {"14"}
    assert [row["text_of"] != row["student"] for row in table].count(True) == 1
    earlier = (folder / "class.csv").read_text()
    assert run("demo", "here", *arguments, "--force").exit_code == 0
    assert (folder / "class.csv").read_text() == earlier


def test_an_assignment_that_is_not_there_is_named_before_anything_is_made(run: Run, tmp_path: Path) -> None:
    result = run("demo", "here", "--assignment", "backwards")
    assert result.exit_code == 2
    assert "'backwards'" in result.stderr
    assert "backward_pass" in result.stderr
    assert not (tmp_path / "here").exists()


@pytest.mark.parametrize("force", [[], ["--force"]])
def test_a_folder_with_other_files_is_left_alone(run: Run, tmp_path: Path, force: list[str]) -> None:
    (tmp_path / "here").mkdir()
    (tmp_path / "here" / "thesis.txt").write_text("precious")
    result = run("demo", "here", *force)
    assert result.exit_code == 2
    assert result.stderr.count("\n") == 1
    assert [path.name for path in (tmp_path / "here").iterdir()] == ["thesis.txt"]


def test_an_earlier_demo_is_replaced_only_by_force(run: Run, tmp_path: Path) -> None:
    (tmp_path / "here").mkdir()
    (tmp_path / "here" / "demo.log").touch()
    result = run("demo", "here")
    assert result.exit_code == 2
    assert "--force" in result.stderr


def test_without_a_clone_it_says_what_to_do(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("graders.courses.clone_assignments", lambda: tmp_path / "assignments")
    result = run("demo")
    assert result.exit_code == 2
    assert "--source DIR" in result.stderr
    assert not (tmp_path / "demo-course").exists()


def _notebook(path: Path, *sources: str) -> Path:
    nbformat.write(new_notebook(cells=[new_code_cell(source, id=f"c{i}") for i, source in enumerate(sources)]), path)
    return path


@pytest.mark.e2e
@pytest.mark.slow
def test_the_tour_runs_in_this_interpreter(tmp_path: Path) -> None:
    source = _notebook(
        tmp_path / "a.ipynb",
        "import sys\nprint(sys.executable)",
        "%load_ext torchmagic\nimport torch",
        "%%gradtrace\na = torch.tensor(2.0, requires_grad=True)\nz = a * 3",
    )
    assert run_tour(source, tmp_path / "out" / "b.ipynb") == ["%%gradtrace"]
    executed = nbformat.read(tmp_path / "out" / "b.ipynb", as_version=4)
    assert Path(executed.cells[0].outputs[0].text.strip()).samefile(sys.executable)


@pytest.mark.e2e
@pytest.mark.slow
@pytest.mark.parametrize(
    "last", ["1 / 0", "%%gradtrace\n1", "x = 1"], ids=["a cell fails", "nothing is drawn", "no magic in it"]
)
def test_a_tour_that_does_not_draw_is_an_error(tmp_path: Path, last: str) -> None:
    source = _notebook(tmp_path / "a.ipynb", "%load_ext torchmagic", last)
    with pytest.raises(TorchmagicError, match=r"a\.ipynb|b\.ipynb"):
        run_tour(source, tmp_path / "b.ipynb")
    assert (tmp_path / "b.ipynb").exists()
