"""Which lines of a test cell are hidden from students: those between nbgrader's markers."""

from __future__ import annotations

import linecache
import traceback
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from graders.engine.report import Cell

#: What the file name of a test cell's code begins with.
TEST_CELL = "<test cell "
_BEGIN_HIDDEN, _END_HIDDEN = "BEGIN HIDDEN TESTS", "END HIDDEN TESTS"


def hidden_lines(source: str) -> set[int]:
    """The numbers (from 1) of the lines between the hidden tests' markers.

    >>> sorted(hidden_lines("a\\n### BEGIN HIDDEN TESTS\\nb\\n### END HIDDEN TESTS\\nc"))
    [2, 3, 4]
    """
    found: set[int] = set()
    inside = False
    for number, line in enumerate(source.splitlines(), 1):
        inside = inside or _BEGIN_HIDDEN in line
        if inside:
            found.add(number)
        if _END_HIDDEN in line:
            inside = False
    return found


def file_name(cell: Cell) -> str:
    """What tracebacks call the file of a test cell."""
    return f"{TEST_CELL}{cell.name or cell.key}>"


def is_secret(lines: Sequence[int | None], secret: set[int]) -> bool:
    """True where one of the lines is hidden, or, in a cell with hidden lines, where it cannot be told."""
    return bool(secret) and (not lines or any(line in secret for line in lines))


def failed_in_hidden_line(error: BaseException) -> bool:
    """True where an exception came through a hidden line of a test cell, by the text that Python keeps of the cell."""
    for frame in traceback.extract_tb(error.__traceback__):
        lines = linecache.getlines(frame.filename)
        if not lines and frame.filename.startswith(TEST_CELL):  # it cannot be told
            return True
        if _is_cell(frame.filename, lines) and frame.lineno in hidden_lines("".join(lines)):
            return True
    return False


def _is_cell(filename: str, lines: list[str]) -> bool:
    """Whether that is a test cell: the judge's, or one that plain nbgrader runs in a notebook's kernel."""
    return filename.startswith(TEST_CELL) or (filename not in _MODULES and any(_BEGIN_HIDDEN in line for line in lines))


_MODULES = frozenset((__file__,))  # names the markers itself
