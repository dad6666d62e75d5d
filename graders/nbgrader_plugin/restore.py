"""Make a submitted notebook's grade cells what the gradebook says they are, whatever was done to them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nbformat
from nbformat.notebooknode import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell
from nbgrader.api import Gradebook, SourceCell
from nbgrader.converters.base import NbGraderException
from nbgrader.preprocessors import NbGraderPreprocessor
from sqlalchemy import text

from graders.engine.hidden import hidden_lines
from graders.nbgrader_plugin.execute import source_notebook
from graders.nbgrader_plugin.gradebooks import Gradebooks, gradebook_of
from graders.nbgrader_plugin.kernel import true_kernelspec
from graders.nbgrader_plugin.stamp import mark_unfinished

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
    """The cells of a notebook that the gradebook knows, by grade_id; on SQLite in the notebook's order."""
    entry = gradebook.find_notebook(notebook, assignment)
    sources = gradebook.db.query(SourceCell).filter(SourceCell.notebook_id == entry.id)
    if is_sqlite(gradebook):
        sources = sources.order_by(text("source_cell.rowid"))  # as they were entered: in the notebook's order
    graded = {cell.name: cell for cell in entry.grade_cells}
    solutions = {cell.name for cell in entry.solution_cells}
    tasks = {cell.name: cell for cell in entry.task_cells}
    known: dict[str, KnownCell] = {}
    for source in sources:
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


def is_sqlite(gradebook: Gradebook) -> bool:
    """True where the gradebook is an SQLite file."""
    return bool(gradebook.engine.dialect.name == "sqlite")


def ordered_as(known: Mapping[str, KnownCell], source: Path) -> dict[str, KnownCell]:
    """The known cells as a source notebook has them; those that it does not have come last."""
    try:
        nb = nbformat.read(source, as_version=4)
    except (OSError, ValueError):
        return dict(known)
    names = [_name(cell.metadata.get("nbgrader")) for cell in nb.cells]
    place = {name: number for number, name in enumerate(names)}
    return dict(sorted(known.items(), key=lambda item: place.get(item[0], len(place))))


def restore_cells(cells: list[NotebookNode], known: Mapping[str, KnownCell]) -> tuple[list[NotebookNode], list[str]]:
    """The cells with true metadata, nothing passing for a grade cell that is none, and missing ones put back.

    Of cells with the same grade_id the last one counts, as in nbgrader. Known cells stand in the order of ``known``,
    and each cell of the student's own stays behind the cell that it followed. Gives the cells and what was mended.
    """
    mended: list[str] = []
    seen: set[str] = set()
    for cell in reversed(cells):
        meta = cell.metadata.pop("nbgrader", None)
        name = _name(meta)
        if name is None or name not in known:
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
    restored, misplaced = _in_order(cells, known)
    if misplaced:
        mended.append(f"put back in their places: {', '.join(map(repr, misplaced))}")
    mended += [f"{cell.name!r} was missing" for cell in known.values() if cell.judged and cell.name not in seen]
    return restored, mended


def is_another_notebook(cells: list[NotebookNode], known: Mapping[str, KnownCell]) -> bool:
    """True where cells claim to be an assignment's, and none is of this one: the wrong file was handed in."""
    metas = [cell.metadata.get("nbgrader") for cell in cells]
    claims = [m for m in metas if _name(m) and any(m.get(k) is True for k in ("grade", "solution", "locked", "task"))]
    return bool(claims) and not any(_name(meta) in known for meta in metas)


def _name(meta: Any) -> str | None:
    name = meta.get("grade_id") if isinstance(meta, dict) else None
    return name if isinstance(name, str) else None


def _in_order(cells: list[NotebookNode], known: Mapping[str, KnownCell]) -> tuple[list[NotebookNode], list[str]]:
    """The cells with the known ones in order and the missing ones among them, and which were out of order."""
    first: list[NotebookNode] = []
    groups: dict[str, list[NotebookNode]] = {}
    group = first
    for cell in cells:
        name = _name(cell.metadata.get("nbgrader"))
        if name is not None:
            group = groups[name] = []
        group.append(cell)
    present = [name for name in known if name in groups]
    misplaced = [name for name, wanted in zip(groups, present, strict=True) if name != wanted]
    ordered = list(first)
    behind = 0  # the last known cell, and before the student's own that follow it
    for name, cell in known.items():
        if name in groups:
            behind = len(ordered) + 1
            ordered += groups[name]
        elif cell.judged:  # what provides names comes early, what tests them comes late
            at = len(ordered) if cell.grade else behind
            ordered.insert(at, _make(cell))
            behind = at + 1
    return ordered, misplaced


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


def _make(lost: KnownCell) -> NotebookNode:
    make = new_code_cell if lost.cell_type == "code" else new_markdown_cell
    made: NotebookNode = make(lost.source, metadata={"nbgrader": NotebookNode(lost.metadata)})
    return made


class AnotherNotebook(NbGraderException):  # type: ignore[misc]
    """What was handed in is not this assignment's notebook."""


def restore_notebook(
    nb: NotebookNode, name: str, assignment: str, known: Mapping[str, KnownCell], kernelspec: Mapping[str, Any]
) -> list[str]:
    """Restore the grade cells and the kernel of a notebook in place; gives what was mended, in words.

    Raises:
        AnotherNotebook: it is another assignment's.
    """
    if is_another_notebook(nb.cells, known):
        raise AnotherNotebook(f"{name}.ipynb has none of the cells of {assignment!r}, but another notebook's")
    nb.cells, mended = restore_cells(nb.cells, known)
    nb.metadata.pop("widgets", None)  # they were another run's, if any run's at all
    nb.metadata["kernelspec"] = NotebookNode(kernelspec)
    return mended


class RestoreCells(NbGraderPreprocessor):  # type: ignore[misc]
    """First step of sanitising: nothing that follows has to trust a submission's metadata."""

    def preprocess(self, nb: NotebookNode, resources: dict[str, Any]) -> tuple[NotebookNode, dict[str, Any]]:
        """Restore the grade cells and the kernel of one notebook."""
        where = resources["nbgrader"]
        name, assignment = where["notebook"], where["assignment"]
        source = source_notebook(self.parent.parent.coursedir, assignment, name)

        def known_of_all() -> tuple[dict[str, KnownCell], dict[str, Any]]:
            with gradebook_of(self, resources) as gradebook:
                known = known_cells(gradebook, name, assignment)
                kernelspec = json.loads(gradebook.find_notebook(name, assignment).kernelspec or "{}") or {}
                return known if is_sqlite(gradebook) else ordered_as(known, source), kernelspec

        pool: Gradebooks | None = getattr(self.parent.parent, "gradebooks", None)
        known, kernelspec = pool.once((name, assignment), known_of_all) if pool is not None else known_of_all()
        true = true_kernelspec(nb.metadata.get("kernelspec", {}), kernelspec, source)
        mended = restore_notebook(nb, name, assignment, known, true)
        mark_unfinished(nb)
        for what in mended:
            self.log.warning("%s, %s: %s", where["student"], name, what)
        return nb, resources
