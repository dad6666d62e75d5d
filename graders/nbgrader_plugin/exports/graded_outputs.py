"""What the test cells of an autograded notebook said when they failed, without a word of a hidden test."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from nbformat import NotebookNode, from_dict
from nbgrader import utils
from nbgrader.coursedir import CourseDirectory

from graders.nbgrader_plugin.exports.rows import ExportRow
from graders.nbgrader_plugin.feedback import hide_tests
from graders.nbgrader_plugin.stamp import is_unfinished

_LONGEST = 1000
_COLOURS = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")


def read_outputs(coursedir: CourseDirectory, row: ExportRow) -> dict[tuple[str, str], str]:
    """By notebook and grade_id, in the notebook's order: the error of each cell that is worth points; "" for none.

    A cell that still holds hidden tests says only that it failed: who wrote its outputs cannot be told. What cannot be
    read says nothing.
    """
    folder = Path(coursedir.format_path(coursedir.autograded_directory, row.student_id, row.assignment))
    said: dict[tuple[str, str], str] = {}
    for name in dict.fromkeys(question.notebook for question in row.questions):
        for cell in _graded_cells(folder / f"{name}.ipynb"):
            said[name, cell.metadata.nbgrader.grade_id] = error_text(cell)
    return said


def error_text(cell: NotebookNode) -> str:
    """The error that ended a test cell, shortened; "" for any other cell.

    >>> test = {"grade": True, "solution": False, "grade_id": "t", "schema_version": 3, "points": 1, "locked": True}
    >>> failed = {"output_type": "error", "ename": "AssertionError", "evalue": "3 is not 4", "traceback": []}
    >>> error_text(from_dict({"cell_type": "code", "source": "", "metadata": {"nbgrader": test}, "outputs": [failed]}))
    'AssertionError: 3 is not 4'
    """
    if cell.cell_type != "code" or utils.is_solution(cell):
        return ""
    hide_tests(cell, judged=False)
    for output in cell.get("outputs", ()):
        if output.get("output_type") == "error":
            words = [str(output.get(part, "")).strip() for part in ("ename", "evalue")]
            text = _COLOURS.sub("", ": ".join(word for word in words if word))
            return text if len(text) <= _LONGEST else f"{text[:_LONGEST]} [...]"
    return ""


def _graded_cells(path: Path) -> list[NotebookNode]:
    try:
        nb: Any = from_dict(json.loads(path.read_text(encoding="utf-8")))
        return [] if is_unfinished(nb) else [cell for cell in _normal(nb) if utils.is_grade(cell)]
    except (OSError, ValueError, AttributeError, KeyError, TypeError):
        return []


def _normal(nb: NotebookNode) -> list[NotebookNode]:
    for cell in nb.cells:
        if isinstance(cell.source, list):  # as notebooks are stored; nbformat's own reader takes ten times as long
            cell.source = "".join(cell.source)
    return list(nb.cells)
