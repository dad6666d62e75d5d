"""A course as people have it who never heard of this project, but for the one line in its configuration."""

from __future__ import annotations

import copy
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from graders.nbgrader_plugin.course import Course

ONE_LINE = "from graders.nbgrader_plugin import configure; configure(c)\n"
KERNEL = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}

RIGHT = {
    "squares": "def squares(n):\n    return np.arange(n) ** 2",
    "mean": "m = torch.loadtxt('x') if False else float(np.mean(table))",
    "words": "Because it is.",
}
WRONG = {"squares": "def squares(n):\n    return list(range(n))", "mean": "m = 0.0", "words": "No idea."}


def meta(name: str, **more: Any) -> dict[str, Any]:
    """nbgrader's metadata of a cell."""
    base = {"grade": False, "solution": False, "locked": False, "task": False, "schema_version": 3}
    return {"nbgrader": {**base, "grade_id": name, **more}}


def solution(name: str, source: str) -> Any:
    return new_code_cell(source, metadata=meta(name, solution=True), id=name)


def check(name: str, points: float, source: str) -> Any:
    return new_code_cell(source, metadata=meta(name, grade=True, locked=True, points=points), id=name)


def locked(name: str, source: str) -> Any:
    return new_code_cell(source, metadata=meta(name, locked=True), id=name)


def written(name: str, points: float) -> Any:
    return new_markdown_cell("Yes.", metadata=meta(name, grade=True, solution=True, points=points), id=name)


def notebook(cells: Sequence[Any]) -> Any:
    return new_notebook(cells=list(cells), metadata=copy.deepcopy(KERNEL))


def source() -> Any:
    """Plain asserts, NumPy's own testing functions, partial credit, a data file, and a question in words."""
    return notebook(
        [
            new_markdown_cell("# Squares", id="title"),
            locked("setup", "import numpy as np\nimport torch\ntable = np.loadtxt('table.csv', delimiter=',')"),
            solution("squares", "### BEGIN SOLUTION\ndef squares(n):\n    return np.arange(n) ** 2\n### END SOLUTION"),
            check(
                "check-squares",
                2,
                "assert list(squares(3)) == [0, 1, 4]\n### BEGIN HIDDEN TESTS\n"
                "np.testing.assert_array_equal(squares(5), [0, 1, 4, 9, 16])\n### END HIDDEN TESTS",
            ),
            solution("mean", "### BEGIN SOLUTION\nm = table.mean()\n### END SOLUTION"),
            check("check-mean", 4, "1.0 if abs(m) < 1e-9 else 4.0 if abs(m - 2.5) < 1e-6 else 2.0"),
            written("words", 3),
        ]
    )


Nbgrader = Callable[..., "subprocess.CompletedProcess[str]"]


class School:
    """One course folder, and students who put their work into submitted/."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @property
    def course(self) -> Course:
        return Course(self.folder)

    def nbgrader(self, *arguments: str, path: str | None = None) -> subprocess.CompletedProcess[str]:
        """Run a real nbgrader command in the course's folder."""
        command = [sys.executable, "-m", "nbgrader", *arguments]
        env = {**os.environ, "PATH": path if path is not None else os.environ["PATH"]}
        return subprocess.run(
            command, cwd=self.folder, env=env, capture_output=True, text=True, timeout=200, check=False
        )

    def released(self, assignment: str = "ps1", name: str | None = None) -> Any:
        """The notebook that students get, as JSON."""
        return json.loads((self.folder / "release" / assignment / f"{name or assignment}.ipynb").read_text())

    def hand_in(self, student: str, content: Any, assignment: str = "ps1", name: str | None = None) -> Path:
        """Put a notebook, raw bytes or nothing into a student's submission."""
        folder = self.folder / "submitted" / student / assignment
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"{name or assignment}.ipynb"
        if content is not None:
            path.write_bytes(content if isinstance(content, bytes) else json.dumps(content).encode())
        return path

    def answers(self, given: dict[str, str], assignment: str = "ps1") -> Any:
        """The released notebook with these cells answered."""
        nb = self.released(assignment)
        for cell in nb["cells"]:
            name = cell["metadata"].get("nbgrader", {}).get("grade_id")
            if name in given:
                cell["source"] = given[name]
        return nb

    def autograded(self, student: str, assignment: str = "ps1") -> Any:
        path = self.folder / "autograded" / student / assignment / f"{assignment}.ipynb"
        return nbformat.read(path, as_version=4)

    def scores(self, assignment: str = "ps1") -> dict[str, float]:
        return {entry.student: entry.score for entry in self.course.scores(assignment).values()}


@pytest.fixture(scope="session")
def generated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The course with its assignment generated by nbgrader's own command: made once, for it takes seconds."""
    folder = tmp_path_factory.mktemp("school") / "course"
    (folder / "source" / "ps1").mkdir(parents=True)
    (folder / "nbgrader_config.py").write_text(f"c = get_config()\nc.CourseDirectory.course_id = 'abc'\n{ONE_LINE}")
    (folder / "source" / "ps1" / "table.csv").write_text("1,2\n3,4\n")
    nbformat.write(source(), folder / "source" / "ps1" / "ps1.ipynb")
    done = School(folder).nbgrader("generate_assignment", "ps1")
    assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture
def school(generated: Path, tmp_path: Path) -> School:
    """A fresh copy of the course."""
    shutil.copytree(generated, tmp_path / "course")
    return School(tmp_path / "course")
