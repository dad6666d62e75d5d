"""The extra ``[grade]`` in use: run by the interpreter in which it is installed (``python -I tests/smoke/grade.py``).

A small course goes the whole way through the installed programs: made, generated, released, fetched, answered, submitted,
collected, graded, reported, exported, and answered with feedback. A notebook with the magics runs in a real kernel.
"""

from __future__ import annotations

import csv
import getpass
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import nbformat
from nbclient import NotebookClient
from nbformat.v4 import new_code_cell, new_notebook

PROGRAMS = Path(sys.executable).parent
KERNEL = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
SOLUTION = "### BEGIN SOLUTION\ndef row_means(x):\n    return x.mean(dim=1)\n### END SOLUTION"
TESTS = {
    "values": "assert row_means(torch.ones(2, 3)).tolist() == [1, 1]\n"
    "### BEGIN HIDDEN TESTS\nassert row_means(torch.tensor([[1.0, 3.0]])).tolist() == [2]\n### END HIDDEN TESTS",
    "gradient": "x = torch.ones(2, 4, requires_grad=True)\nrow_means(x).sum().backward()\n"
    "### BEGIN HIDDEN TESTS\nassert (x.grad == 0.25).all()\n### END HIDDEN TESTS",
    "checked": "from graders.checks import check_function\nfrom graders.strategies import arguments\n"
    '### BEGIN HIDDEN TESTS\ncheck_function(row_means, lambda x: x.mean(dim=1), arguments("n d"), name="row_means")\n'
    "### END HIDDEN TESTS",
}
#: What each student writes, and the points that are due: 2 for each test.
CLASS = {
    getpass.getuser(): ("def row_means(x):\n    return x.sum(dim=1) / x.shape[1]", 6.0),
    "wrong": ("def row_means(x):\n    return x.sum(dim=1)", 0.0),
    "partly": ("def row_means(x):\n    return torch.stack([r.mean().detach() for r in x]) + 0 * x.sum()", 4.0),
    "hostile": ("import os\ndef row_means(x):\n    os._exit(0)", 0.0),
}


def demand(condition: object, what: str) -> None:
    """Stop with the reason where something is not so."""
    if not condition:
        sys.exit(f"{sys.executable}: {what}")


def run(program: str, *arguments: str, cwd: Path, status: Sequence[int] = (0,)) -> str:
    """What an installed program prints."""
    env = {**os.environ, "PATH": os.pathsep.join([str(PROGRAMS), os.environ["PATH"]]), "HOME": str(cwd.parent / "home")}
    for name in ("PYTHONPATH", "PYTHONHOME"):  # an empty environment is what is installed, and nothing else
        env.pop(name, None)
    command = [str(PROGRAMS / program), *arguments]
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, env=env, timeout=600, check=False)
    said = f"{done.stdout}\n{done.stderr}"
    demand(done.returncode in status, f"{' '.join(command)} ended with {done.returncode}:\n{said}")
    return said


def in_a_kernel() -> None:
    """The magics in a real kernel: what a student's notebook shows."""
    cells = [
        "import torch\n%load_ext torchmagic",
        "%%tensorinfo\nx = torch.arange(6.0).reshape(2, 3)\nx.sum()",
        "%%gradtrace\nW = torch.tensor(3.0, requires_grad=True)\nloss = (W * 2 - 10) ** 2\nloss.backward()",
    ]
    notebook = new_notebook(cells=[new_code_cell(source) for source in cells], metadata=KERNEL)
    NotebookClient(notebook, timeout=120, kernel_name="python3").execute()
    nbformat.validate(notebook)
    html = ["".join(o.get("data", {}).get("text/html", "") for o in cell.outputs) for cell in notebook.cells]
    demand("(2, 3)" in html[1], f"%%tensorinfo showed {notebook.cells[1].outputs}")
    demand("<svg" in html[2] and "-16" in html[2], f"%%gradtrace showed {notebook.cells[2].outputs}")


def source_notebook() -> Any:
    """The instructor's notebook."""

    def meta(name: str, **more: Any) -> dict[str, Any]:
        plain = {"grade": False, "solution": False, "locked": False, "task": False, "schema_version": 3}
        return {"nbgrader": {**plain, "grade_id": name, **more}}

    cells = [new_code_cell("import torch", id="begin"), new_code_cell(SOLUTION, metadata=meta("answer", solution=True))]
    for name, text in TESTS.items():
        cells.append(new_code_cell(text, metadata=meta(name, grade=True, locked=True, points=2)))
    return new_notebook(cells=cells, metadata=KERNEL)


def answer(released: Path, text: str) -> None:
    """Write a student's answer into a released notebook."""
    notebook = nbformat.read(released, as_version=4)
    demand("BEGIN" not in nbformat.writes(notebook), "the release holds the solution or hidden tests")
    for cell in notebook.cells:
        if cell.metadata.get("nbgrader", {}).get("solution"):
            cell.source = text
    nbformat.write(notebook, released)


def a_course(folder: Path) -> None:
    """From `torchmagic course init` to feedback."""
    course, student = folder / "course", folder / "student"
    for made in (folder / "home", folder / "exchange", folder / "sources" / "means", student):
        made.mkdir(parents=True)
    (folder / "exchange").chmod(0o777)
    nbformat.write(source_notebook(), folder / "sources" / "means" / "means.ipynb")
    run("torchmagic", "course", "init", str(course), "--source", str(folder / "sources"), cwd=folder)
    exchange = f"c.Exchange.root = {str(folder / 'exchange')!r}\nc.Exchange.path_includes_course = False\n"
    with (course / "nbgrader_config.py").open("a", encoding="utf-8") as config:
        config.write(f"\n{exchange}")
    (student / "nbgrader_config.py").write_text(
        f"c = get_config()\nc.CourseDirectory.course_id = 'course'\n{exchange}", encoding="utf-8"
    )
    run("nbgrader", "generate_assignment", "means", cwd=course)
    run("nbgrader", "release_assignment", "means", cwd=course)
    me, *others = CLASS
    run("nbgrader", "fetch_assignment", "means", cwd=student)
    answer(student / "means" / "means.ipynb", CLASS[me][0])
    run("nbgrader", "submit", "means", cwd=student)
    run("nbgrader", "collect", "means", cwd=course)
    for name in others:
        target = course / "submitted" / name / "means"
        target.mkdir(parents=True)
        path = target / "means.ipynb"
        path.write_bytes((course / "release" / "means" / "means.ipynb").read_bytes())
        answer(path, CLASS[name][0])
    graded(course)


def graded(course: Path) -> None:
    """Each student gets the points that are due, and can read why."""
    said = run("torchmagic", "grade", "means", cwd=course)
    run("torchmagic", "export", "csv", "means", "--to", "grades.csv", cwd=course)
    with (course / "grades.csv").open(encoding="utf-8", newline="") as file:
        scores = {row["student_id"]: float(row["score"]) for row in csv.DictReader(file)}
    demand(scores == {name: points for name, (_, points) in CLASS.items()}, f"the scores are {scores}:\n{said}")
    run("torchmagic", "feedback", "means", cwd=course)
    page = (course / "feedback" / "wrong" / "means" / "means.html").read_text(encoding="utf-8")
    demand("row_means" in page and "0.25" not in page, "the feedback lacks the answer, or shows a hidden test")
    run("torchmagic", "report", "means", cwd=course)
    page = (course / "reports" / "means.html").read_text(encoding="utf-8")
    demand("means" in page and "<svg" in page, "the report holds no picture of the scores")
    again = run("torchmagic", "grade", "means", cwd=course)
    demand("0 run" in again, f"what was graded has been run again:\n{again}")


def main() -> None:
    for program in ("torchmagic", "nbgrader"):
        run(program, "--help", cwd=Path(sys.executable).parent)
    in_a_kernel()
    with tempfile.TemporaryDirectory() as folder:
        a_course(Path(folder).resolve())
    print(f"grade: {len(CLASS)} students got the points that were due, in {sys.executable}: good")


if __name__ == "__main__":
    main()
