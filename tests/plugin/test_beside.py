"""A test cell that its author marked runs beside the student's code, and the report says so."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

from tests.plugin.conftest import ONE_LINE, School, check, notebook, solution

pytestmark = [pytest.mark.sandbox]


def _grade(school: School) -> str:
    command = [str(Path(sys.executable).parent / "torchmagic"), "grade", "ps1"]
    done = subprocess.run(command, cwd=school.folder, capture_output=True, text=True, timeout=100, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture
def marked(tmp_path: Path) -> School:
    folder = tmp_path / "course"
    (folder / "source" / "ps1").mkdir(parents=True)
    (folder / "nbgrader_config.py").write_text(f"c = get_config()\n{ONE_LINE}")
    vmap = "import torch\nassert torch.func.vmap(f)(torch.ones(3)).tolist() == [2, 2, 2]"
    by_tag = check("by-tag", 2, vmap)
    by_tag.metadata["tags"] = ["in-student-process"]
    cells = [
        solution("f", "### BEGIN SOLUTION\ndef f(x):\n    return x + 1\n### END SOLUTION"),
        check("by-line", 1, f"# in-student-process\n{vmap}"),
        by_tag,
        check("apart", 4, "assert f(1) == 2"),
    ]
    nbformat.write(notebook(cells), folder / "source" / "ps1" / "ps1.ipynb")
    school = School(folder)
    assert school.nbgrader("generate_assignment", "ps1").returncode == 0
    return school


def test_marked_cells_are_graded_and_starred(marked: School) -> None:
    marked.hand_in("ada", marked.answers({"f": "def f(x):\n    return x + 1"}))
    marked.hand_in("bob", marked.answers({"f": "def f(x):\n    return x - 1"}))
    shown = _grade(marked)
    assert marked.scores() == {"ada": 7.0, "bob": 0.0}
    assert "7*" in shown
    assert "not tamper-proof: by-line, by-tag ran beside the student's code" in shown
    stamp = json.loads(json.dumps(marked.autograded("ada").metadata["torchmagic"]))
    assert stamp["not_tamper_proof"] == ["by-line", "by-tag"]


def test_a_submission_cannot_mark_a_cell_itself(marked: School) -> None:
    sent = marked.answers({"f": "def f(x):\n    return x + 1"})
    for cell in sent["cells"]:
        cell["metadata"]["tags"] = ["in-student-process"]
        if cell["metadata"].get("nbgrader", {}).get("grade_id") == "apart":
            cell["source"] = ["# in-student-process\n", *cell["source"]]
    marked.hand_in("eve", sent)
    _grade(marked)
    assert marked.autograded("eve").metadata["torchmagic"]["not_tamper_proof"] == ["by-line", "by-tag"]


def test_without_the_source_the_line_still_counts(marked: School) -> None:
    shutil.rmtree(marked.folder / "source")
    marked.hand_in("ada", marked.answers({"f": "def f(x):\n    return x + 1"}))
    _grade(marked)
    assert marked.autograded("ada").metadata["torchmagic"]["not_tamper_proof"] == ["by-line"]
