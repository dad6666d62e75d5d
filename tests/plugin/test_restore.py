"""Whatever a submission says of its cells, what is judged is what the gradebook knows."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from nbformat.notebooknode import NotebookNode, from_dict
from nbformat.v4 import new_notebook

from graders.nbgrader_plugin.autograde import grade_assignment
from graders.nbgrader_plugin.execute import read_cells
from graders.nbgrader_plugin.restore import KnownCell, is_another_notebook, ordered_as, restore_cells

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


def _names(cells: list[NotebookNode]) -> list[str]:
    return [cell.metadata.nbgrader["grade_id"] for cell in cells if "nbgrader" in cell.metadata]


def _original(own_after: dict[str | None, int]) -> list[NotebookNode]:
    """A notebook with all known cells, and so many of the student's own behind each (None: before all)."""
    cells = [_cell(None, f"own None {number}") for number in range(own_after.get(None, 0))]
    for name, known in KNOWN.items():
        cells.append(_cell(name, known.source, known.cell_type, **known.metadata))
        cells += [_cell(None, f"own {name} {number}") for number in range(own_after.get(name, 0))]
    return cells


_own = st.dictionaries(st.sampled_from([None, *KNOWN]), st.integers(0, 2))


@given(_own, st.data())
def test_cells_in_any_order_left_out_or_doubled_come_back_in_the_gradebooks_order(
    own_after: dict[str | None, int], data: st.DataObject
) -> None:
    original = _original(own_after)
    chosen = data.draw(st.lists(st.sampled_from(range(len(original))), max_size=2 * len(original)))
    submitted = [copy.deepcopy(original[index]) for index in chosen]
    handed_in = [cell.source for cell in submitted if "nbgrader" not in cell.metadata]
    present = set(_names(submitted))
    restored, mended = restore_cells(copy.deepcopy(submitted), KNOWN)
    wanted = [name for name, known in KNOWN.items() if known.judged or name in present]
    assert _names(restored) == wanted
    for cell in restored:
        name = cell.metadata.get("nbgrader", {}).get("grade_id")
        assert name is None or not KNOWN[name].locked or cell.source == KNOWN[name].source
    kept = [cell.source for cell in restored if "nbgrader" not in cell.metadata]
    assert sorted(source for source in kept if source.startswith("own")) == sorted(handed_in), "no own cell is lost"
    again, nothing = restore_cells(copy.deepcopy(restored), KNOWN)
    assert again == restored, "what is in order stays as it is"
    assert nothing == []
    assert mended or restored == submitted


@given(_own, st.permutations(list(KNOWN)))
def test_a_students_own_cells_stay_behind_the_cell_that_they_followed(
    own_after: dict[str | None, int], order: list[str]
) -> None:
    original = _original(own_after)
    groups: dict[str, list[NotebookNode]] = {}
    name = "first"
    for cell in original:
        name = cell.metadata.get("nbgrader", {}).get("grade_id", name)
        groups.setdefault(name, []).append(cell)
    shuffled = [cell for name in ["first", *order] for cell in groups.get(name, [])]
    restored, _ = restore_cells(copy.deepcopy(shuffled), KNOWN)
    assert [cell.source for cell in restored] == [cell.source for cell in original]


def test_a_database_that_keeps_no_order_takes_it_from_the_source_notebook(tmp_path: Path) -> None:
    path = tmp_path / "source.ipynb"
    path.write_text(json.dumps(new_notebook(cells=_original({"q": 1}), nbformat_minor=4)))
    mixed = {name: KNOWN[name] for name in ("t", "w", "setup", "q")}
    assert list(ordered_as(mixed, path)) == list(KNOWN)
    assert list(ordered_as(mixed, tmp_path / "none.ipynb")) == list(mixed)


def test_a_notebook_with_only_other_cells_is_another_one() -> None:
    other = _cell("zzz", "1", grade=True)
    assert is_another_notebook([other], KNOWN)
    assert is_another_notebook([other], {})
    assert not is_another_notebook([other, _cell("q", "1", solution=True)], KNOWN)
    assert not is_another_notebook([_cell(None, "1"), _cell("plain", "1", grade=False)], KNOWN), "it claims nothing"
    assert not is_another_notebook([], KNOWN)


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


def _reverse(nb: Any) -> None:
    nb["cells"].reverse()


def _tests_first(nb: Any) -> None:
    nb["cells"].sort(key=lambda cell: not cell["metadata"].get("nbgrader", {}).get("grade"))


ATTACKS: list[Callable[[Any], None]] = [
    _claim, _solution_is_a_test, _delete_tests, _delete_all, _duplicate, _edit, _as_markdown, _more_points, _unlock,
    _own_checksums, _odd_kernel, _stamp, _reverse, _tests_first,
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
