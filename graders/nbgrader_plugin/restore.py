"""Make a submitted notebook's grade cells what the gradebook says they are, whatever was done to them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from nbformat.notebooknode import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell
from nbgrader.api import Gradebook
from nbgrader.preprocessors import NbGraderPreprocessor

from graders.engine.hidden import hidden_lines
from graders.nbgrader_plugin.gradebooks import gradebook_of

_SCHEMA_VERSION = 3


@dataclass(frozen=True, slots=True)
class KnownCell:
    """A cell as the gradebook has it."""

    name: str
    source: str
    cell_type: str
    locked: bool
    checksum: str
    grade: bool
    solution: bool
    task: bool
    points: float | None

    @property
    def metadata(self) -> dict[str, Any]:
        """The nbgrader metadata that such a cell must have."""
        meta: dict[str, Any] = {
            "grade": self.grade,
            "solution": self.solution,
            "task": self.task,
            "locked": self.locked,
            "grade_id": self.name,
            "cell_type": self.cell_type,
            "checksum": self.checksum,
            "schema_version": _SCHEMA_VERSION,
        }
        if self.points is not None:
            meta["points"] = self.points
        return meta

    @property
    def judged(self) -> bool:
        """True where the cell's text is the instructor's and must be there."""
        return self.grade or self.task or self.locked


def known_cells(gradebook: Gradebook, notebook: str, assignment: str) -> dict[str, KnownCell]:
    """The cells of a notebook that the gradebook knows, by grade_id, in the notebook's order."""
    entry = gradebook.find_notebook(notebook, assignment)
    graded = {cell.name: cell for cell in entry.grade_cells}
    solutions = {cell.name for cell in entry.solution_cells}
    tasks = {cell.name: cell for cell in entry.task_cells}
    known: dict[str, KnownCell] = {}
    for source in entry.source_cells:
        name = source.name
        worth = graded.get(name) or tasks.get(name)
        known[name] = KnownCell(
            name=name,
            source=source.source or "",
            cell_type=source.cell_type,
            locked=bool(source.locked),
            checksum=source.checksum or "",
            grade=name in graded,
            solution=name in solutions,
            task=name in tasks,
            points=float(worth.max_score) if worth is not None else None,
        )
    return known


def restore_cells(cells: list[NotebookNode], known: Mapping[str, KnownCell]) -> tuple[list[NotebookNode], list[str]]:
    """The cells with true metadata, nothing passing for a grade cell that is none, and missing ones put back.

    Of cells with the same grade_id the last one counts, as in nbgrader. Gives the cells and what was mended.
    """
    mended: list[str] = []
    seen: set[str] = set()
    for cell in reversed(cells):
        meta = cell.metadata.pop("nbgrader", None)
        name = meta.get("grade_id") if isinstance(meta, dict) else None
        if not isinstance(name, str) or name not in known:
            if meta:
                mended.append(f"a cell that claimed to be {name!r} counts as the student's own")
            continue
        if name in seen:
            mended.append(f"a second {name!r} counts as the student's own")
            continue
        seen.add(name)
        cell.metadata["nbgrader"] = NotebookNode(known[name].metadata)
        if cell.cell_type != known[name].cell_type:
            _change_type(cell, known[name].cell_type)
            mended.append(f"{name!r} was of another cell type")
        if known[name].locked and cell.source != known[name].source:
            if cell.source.strip() != _as_released(known[name].source).strip():
                mended.append(f"{name!r} was edited")
            cell.source = known[name].source
    missing = [cell for cell in known.values() if cell.judged and cell.name not in seen]
    for lost in missing:
        _insert(cells, lost, list(known))
        mended.append(f"{lost.name!r} was missing")
    return cells, mended


def _as_released(source: str) -> str:
    """An instructor's cell without its hidden tests, as students get it."""
    hidden = hidden_lines(source)
    return "\n".join(line for number, line in enumerate(source.splitlines(), 1) if number not in hidden)


def _change_type(cell: NotebookNode, cell_type: str) -> None:
    cell.cell_type = cell_type
    if cell_type == "code":
        cell.outputs, cell.execution_count = [], None
    else:
        cell.pop("outputs", None)
        cell.pop("execution_count", None)


def _insert(cells: list[NotebookNode], lost: KnownCell, order: list[str]) -> None:
    before = order[: order.index(lost.name)]
    position = 0
    for index, cell in enumerate(cells):
        name = cell.metadata.get("nbgrader", {}).get("grade_id")
        if name in before:
            position = index + 1
    make = new_code_cell if lost.cell_type == "code" else new_markdown_cell
    cells.insert(position, make(lost.source, metadata={"nbgrader": lost.metadata}))


class RestoreCells(NbGraderPreprocessor):  # type: ignore[misc]
    """First step of sanitising: nothing that follows has to trust a submission's metadata."""

    def preprocess(self, nb: NotebookNode, resources: dict[str, Any]) -> tuple[NotebookNode, dict[str, Any]]:
        """Restore the grade cells and the kernel of one notebook."""
        where = resources["nbgrader"]
        with gradebook_of(self, resources) as gradebook:
            known = known_cells(gradebook, where["notebook"], where["assignment"])
            kernelspec = gradebook.find_notebook(where["notebook"], where["assignment"]).kernelspec
        nb.cells, mended = restore_cells(nb.cells, known)
        if kernelspec and json.loads(kernelspec):
            nb.metadata["kernelspec"] = NotebookNode(json.loads(kernelspec))
        for what in mended:
            self.log.warning("%s, %s: %s", where["student"], where["notebook"], what)
        return nb, resources
