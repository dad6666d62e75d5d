"""The tour: a student's first notebook, from any installation, and nothing of a student's is lost."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from graders.notebooks import canonical
from graders.tour import run_tour
from torchmagic.__main__ import main
from torchmagic.tour import NOTEBOOK

from .conftest import Run


def _python(code: str, folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", code], cwd=folder, capture_output=True, text=True, check=False)


def test_the_tour_is_in_canonical_form() -> None:
    text = NOTEBOOK.read_text(encoding="utf-8")
    assert canonical(text) == text


@pytest.mark.e2e
@pytest.mark.slow
def test_the_tour_runs_and_every_magic_draws(tmp_path: Path) -> None:
    drawn = run_tour(NOTEBOOK, tmp_path / "tour.ipynb")
    assert {line.split()[0] for line in drawn} == {"%%tensorinfo", "%%gradtrace", "%tensorinfo"}
    assert not list(tmp_path.glob("*.svg")), "it leaves nothing behind"


def test_a_terminal_of_a_student(run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["tour"]) == 0
    assert "jupyter lab tour.ipynb" in capsys.readouterr().out
    assert (tmp_path / "tour.ipynb").read_bytes() == NOTEBOOK.read_bytes()
    assert main(["tour"]) == 0, "the same file is no obstacle"


def test_work_is_never_overwritten_but_by_force(run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    mine = tmp_path / "tour.ipynb"
    mine.write_text("my work")
    assert main(["tour"]) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert "tour-2.ipynb" in said
    assert "--force" in said
    assert mine.read_text() == "my work"
    assert main(["tour", "--force"]) == 0
    assert mine.read_bytes() == NOTEBOOK.read_bytes()


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("no/such/tour.ipynb", "no folder"),
        ("tour.txt", "Write tour.ipynb"),
        ("a\0b", "could not be written"),
        ("~nobody0/x", "no path"),
        ("file/x.ipynb", "no folder"),
    ],
)
def test_a_name_that_cannot_be(
    run: Run, name: str, said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").touch()
    assert main(["tour", name]) == 2
    assert said in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_a_folder_or_a_name_without_suffix(run: Run, tmp_path: Path) -> None:
    (tmp_path / "week 1").mkdir()
    assert main(["tour", "week 1"]) == 0
    assert main(["tour", "mine"]) == 0
    assert (tmp_path / "week 1" / "tour.ipynb").is_file()
    assert (tmp_path / "mine.ipynb").is_file()


def test_the_torchmagic_program_has_it_too(run: Run, tmp_path: Path) -> None:
    assert run("tour", "a.ipynb").exit_code == 0
    assert (tmp_path / "a.ipynb").is_file()
    (tmp_path / "a.ipynb").write_text("my work")
    again = run("tour", "a.ipynb")
    assert again.exit_code == 2
    assert again.stderr.count("\n") == 1


@pytest.mark.slow
def test_without_the_instructors_part_the_program_still_has_the_tour(tmp_path: Path) -> None:
    code = (
        "import importlib.util as u, sys\n"
        "find = u.find_spec\n"
        "u.find_spec = lambda name, *a: None if name in ('click', 'nbgrader', 'jupyterlab', 'notebook') else find(name, *a)\n"
        "sys.modules['click'] = None\n"
        "sys.argv = ['torchmagic', 'tour']\n"
        "from graders.cli import main\n"
        "main()"
    )
    done = _python(code, tmp_path)
    assert done.returncode == 0, done.stderr
    assert "pip install jupyterlab" in done.stdout
    assert (tmp_path / "tour.ipynb").is_file()


@pytest.mark.slow
def test_a_terminal_needs_neither_torch_nor_click_nor_ipython(tmp_path: Path) -> None:
    code = "import sys\nfrom torchmagic.__main__ import main\nmain(['tour'])\nprint(sorted({'torch', 'click', 'IPython', 'jinja2'} & set(sys.modules)))"
    assert _python(code, tmp_path).stdout.splitlines()[-1] == "[]"
