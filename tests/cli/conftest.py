"""Small real courses for the command-line tests, a kernel before all others, and the doctor's finding of one thing."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nbformat
import pytest
from click.testing import CliRunner, Result
from nbformat.v4 import new_code_cell, new_notebook

from graders.commands import app
from graders.courses import config_text
from graders.installation import Found
from graders.nbgrader_plugin.course import Course

Run = Callable[..., Result]
#: From what a kernel starts and its name to its folder.
MakeKernel = Callable[..., Path]
#: The programs of this environment.
BIN = str(Path(sys.executable).parent)


def _meta(name: str, **more: Any) -> dict[str, Any]:
    base = {"grade": False, "solution": False, "locked": False, "task": False, "schema_version": 3}
    return {"nbgrader": {**base, "grade_id": name, **more}}


def source_notebook() -> nbformat.NotebookNode:
    """An assignment in plain nbgrader terms: double a number, two points."""
    cells = [
        new_code_cell(
            "### BEGIN SOLUTION\ndef double(x):\n    return 2 * x\n### END SOLUTION",
            metadata=_meta("double", solution=True),
            id="solve",
        ),
        new_code_cell(
            "assert double(2) == 4\n### BEGIN HIDDEN TESTS\nassert double(-1) == -2\n### END HIDDEN TESTS",
            metadata=_meta("test-double", grade=True, locked=True, points=2),
            id="check",
        ),
    ]
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    return new_notebook(cells=cells, metadata=kernel)


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs `torchmagic` with the arguments, in a folder of its own."""
    monkeypatch.chdir(tmp_path)
    runner = CliRunner()

    def call(*arguments: object) -> Result:
        result = runner.invoke(app, [str(argument) for argument in arguments], prog_name="torchmagic")
        assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
        return result

    return call


class Classroom:
    """A course with one generated assignment `ps1`, whose students hand in what the test says."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.course = Course(folder)

    def hands_in(self, student: str, answer: str | bytes | None) -> Path:
        """Put work into submitted/: a solution's source, a file's raw bytes, or a folder without a notebook."""
        folder = self.folder / "submitted" / student / "ps1"
        folder.mkdir(parents=True)
        path = folder / "ps1.ipynb"
        if isinstance(answer, bytes):
            path.write_bytes(answer)
        elif answer is not None:
            notebook = json.loads((self.folder / "release" / "ps1" / "ps1.ipynb").read_text())
            notebook["cells"][0]["source"] = answer
            path.write_text(json.dumps(notebook))
        return path


RIGHT = "def double(x):\n    return x + x"
WRONG = "def double(x):\n    return 4"


@pytest.fixture(scope="session")
def generated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A course whose assignment nbgrader has generated: made once, for it takes seconds."""
    folder = tmp_path_factory.mktemp("generated") / "tiny"
    source = folder / "source" / "ps1"
    source.mkdir(parents=True)
    (folder / "nbgrader_config.py").write_text(config_text("tiny"))
    nbformat.write(source_notebook(), source / "ps1.ipynb")
    Course(folder).generate("ps1")
    return folder


@pytest.fixture
def classroom(generated: Path, tmp_path: Path) -> Classroom:
    """A fresh classroom."""
    shutil.copytree(generated, tmp_path / "tiny")
    return Classroom(tmp_path / "tiny")


@pytest.fixture
def kernel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> MakeKernel:
    """Puts a kernel before all others."""
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path / "jupyter"))

    def make(argv: list[str] | str, name: str = "python3", **more: object) -> Path:
        folder = tmp_path / "jupyter" / "kernels" / name
        folder.mkdir(parents=True)
        spec = {"argv": argv, "display_name": name, "language": "python", **more}
        (folder / "kernel.json").write_text(argv if isinstance(argv, str) else json.dumps(spec))
        return folder

    return make


def one(found: list[Found], what: str) -> Found:
    """The finding about something; of all that have something to mend, each says how."""
    assert all(each.remedy for each in found if each.state in ("problem", "warning")), found
    (chosen,) = [each for each in found if each.what == what]
    return chosen
