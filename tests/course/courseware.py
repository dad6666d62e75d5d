"""The course as it lies in the clone: topics, cells, and what a student gets of each notebook."""

from __future__ import annotations

import copy
import functools
from typing import Any

import nbformat
from nbgrader.preprocessors import ClearHiddenTests, ClearMarkScheme, ClearSolutions

from graders.courses import clone_assignments

SOURCES = clone_assignments() / "source"
MUTANTS = clone_assignments() / "mutants"
TOPICS = sorted(path.name for path in SOURCES.iterdir() if path.is_dir())


def source(topic: str) -> Any:
    """The instructor's notebook."""
    return copy.deepcopy(_read(topic))


@functools.cache
def _read(topic: str) -> Any:
    return nbformat.read(SOURCES / topic / f"{topic}.ipynb", as_version=4)


def release(topic: str) -> Any:
    """The student's version, by the same steps of nbgrader's that `nbgrader generate_assignment` takes."""
    return copy.deepcopy(_release(topic))


@functools.cache
def _release(topic: str) -> Any:
    notebook = source(topic)
    for step in (ClearSolutions, ClearHiddenTests, ClearMarkScheme):
        notebook, _ = step().preprocess(notebook, {})
    return notebook


def meta(cell: Any) -> dict[str, Any]:
    """A cell's nbgrader metadata, empty where it has none."""
    return dict(cell.metadata.get("nbgrader", {}))


def is_test(cell: Any) -> bool:
    """Whether a cell is graded automatically."""
    return bool(meta(cell).get("grade")) and cell.cell_type == "code" and not meta(cell)["solution"]


def released(topic: str) -> dict[str, str]:
    """The text of the student's cells, by grade_id."""
    return {meta(cell)["grade_id"]: cell.source for cell in release(topic).cells if meta(cell)}


def full_marks(topic: str) -> float:
    """The points that are given automatically."""
    return float(sum(meta(cell)["points"] for cell in source(topic).cells if is_test(cell)))
