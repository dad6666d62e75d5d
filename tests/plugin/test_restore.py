"""Whatever a submission says of its cells, what is judged is what the gradebook knows."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from nbformat.notebooknode import NotebookNode, from_dict

from graders.nbgrader_plugin.autograde import grade_assignment
from graders.nbgrader_plugin.execute import read_cells
from graders.nbgrader_plugin.restore import KnownCell, restore_cells

from .conftest import RIGHT, WRONG, School

KNOWN = {
    cell.name: cell
    for cell in (
        KnownCell("setup", "import torch", "code", True, "a", grade=False, solution=False, task=False, points=None),
        KnownCell("q", "blank", "code", False, "b", grade=False, solution=True, task=False, points=None),
        KnownCell("t", "assert q", "code", True, "c", grade=True, solution=False, task=False, points=2.0),
        KnownCell("w", "write", "markdown", False, "d", grade=True, solution=True, task=False, points=1.0),
    )
}


def _cell(name: object, source: str, kind: str = "code", **more: object) -> NotebookNode:
    meta = {} if name is None else {"nbgrader": {"grade_id": name, **more}}
    made = {"cell_type": kind, "metadata": meta, "source": source}
    return from_dict({**made, "outputs": [], "execution_count": None} if kind == "code" else made)


_cells = st.lists(
    st.builds(
        _cell,
        st.sampled_from([None, "setup", "q", "t", "w", "zzz", 7, ["t"], {}]),
        st.sampled_from(["assert q", "pass", "import torch", "1000"]),
        st.sampled_from(["code", "markdown", "raw"]),
        grade=st.sampled_from([True, False, "yes", None]),
        solution=st.sampled_from([True, False, 1]),
        locked=st.booleans(),
        points=st.sampled_from([1000, -1, "many", None, float("nan")]),
    ),
    max_size=8,
)


@given(_cells)
def test_each_judged_cell_is_there_once_as_the_instructor_wrote_it(cells: list[NotebookNode]) -> None:
    before = len(cells)
    restored, _ = restore_cells(copy.deepcopy(cells), KNOWN)
    assert len(restored) <= before + 3
    by_name: dict[str, list[NotebookNode]] = {}
    for cell in restored:
        if "nbgrader" in cell.metadata:
            by_name.setdefault(cell.metadata.nbgrader["grade_id"], []).append(cell)
    for name, wanted in KNOWN.items():
        found = by_name.pop(name, [])
        assert len(found) == 1 or (not found and name == "q")
        for cell in found:
            assert dict(cell.metadata.nbgrader) == wanted.metadata
            assert cell.cell_type == wanted.cell_type
            assert not wanted.locked or cell.source == wanted.source
    assert not by_name, "nothing else may call itself a grade cell"
    tests = [cell.source for cell in read_cells(NotebookNode(cells=restored)) if cell.role == "test"]
    assert tests == ["assert q"], "nothing of the student's is taken for a test"


def test_hidden_tests_put_back_are_no_edit() -> None:
    hidden = "assert q\n### BEGIN HIDDEN TESTS\nassert q == 1\n### END HIDDEN TESTS"
    known = {"t": KnownCell("t", hidden, "code", True, "c", grade=True, solution=False, task=False, points=2.0)}
    for submitted, edits in (("assert q", 0), ("assert True", 1)):
        (cell,), mended = restore_cells([_cell("t", submitted)], known)
        assert cell.source == hidden
        assert len(mended) == edits


def _find(nb: Any, name: str) -> Any:
    return next(cell for cell in nb["cells"] if cell["metadata"].get("nbgrader", {}).get("grade_id") == name)


def _claim(nb: Any) -> None:
    cell = _find(nb, "squares")
    cell["metadata"]["nbgrader"].update(grade=True, solution=False, locked=True, points=2, grade_id="check-squares")
    cell["source"] = "2.0"


def _solution_is_a_test(nb: Any) -> None:
    _find(nb, "squares")["metadata"]["nbgrader"].update(grade=True, solution=False, points=1000)


def _delete_tests(nb: Any) -> None:
    nb["cells"] = [c for c in nb["cells"] if not c["metadata"].get("nbgrader", {}).get("grade")]


def _delete_all(nb: Any) -> None:
    nb["cells"] = []


def _duplicate(nb: Any) -> None:
    extra = copy.deepcopy(_find(nb, "check-squares"))
    extra["source"], extra["id"] = "2.0", "another"
    nb["cells"].append(extra)


def _edit(nb: Any) -> None:
    _find(nb, "check-squares")["source"] = "2.0"
    _find(nb, "check-mean")["source"] = "4.0"


def _as_markdown(nb: Any) -> None:
    cell = _find(nb, "check-squares")
    cell["cell_type"] = "markdown"
    del cell["outputs"], cell["execution_count"]


def _more_points(nb: Any) -> None:
    for cell in nb["cells"]:
        cell["metadata"].get("nbgrader", {}).update(points=1e9)


def _unlock(nb: Any) -> None:
    for cell in nb["cells"]:
        cell["metadata"].get("nbgrader", {}).update(locked=False, solution=True, grade=False)


def _own_checksums(nb: Any) -> None:
    for cell in nb["cells"]:
        cell["metadata"].get("nbgrader", {}).update(checksum="0", schema_version=1, cell_type="raw")


def _odd_kernel(nb: Any) -> None:
    nb["metadata"]["kernelspec"] = {"name": "bash", "display_name": "Bash", "language": "bash"}


def _stamp(nb: Any) -> None:
    nb["metadata"]["torchmagic"] = {"outcome": "passed", "message": "", "seconds": 0}


ATTACKS: list[Callable[[Any], None]] = [
    _claim, _solution_is_a_test, _delete_tests, _delete_all, _duplicate, _edit, _as_markdown, _more_points, _unlock,
    _own_checksums, _odd_kernel, _stamp,
]  # fmt: skip


@pytest.mark.e2e
@pytest.mark.slow
@pytest.mark.sandbox
def test_forged_cells_change_no_score(school: School) -> None:
    """Right answers keep their points and wrong ones gain none, whatever is done to the cells around them."""
    harmless = [attack for attack in ATTACKS if attack not in (_claim, _delete_all)]
    for attack in ATTACKS:
        for name, answers in (("right", RIGHT), ("wrong", WRONG)):
            nb = school.answers(answers)
            attack(nb)
            school.hand_in(f"{name}{attack.__name__}".replace("_", "-"), nb)
    rows = {row.student: row for row in grade_assignment(school.folder, "ps1", jobs=2)}
    for attack in ATTACKS:
        right, wrong = (rows[f"{name}{attack.__name__}".replace("_", "-")] for name in ("right", "wrong"))
        assert right.graded, right
        assert wrong.graded, wrong
        assert (wrong.score or 0.0) <= 1.0, wrong
        if attack in harmless:
            assert right.score == 6.0, right
