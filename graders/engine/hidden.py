"""Which lines of a test cell are hidden from students: those between nbgrader's markers."""

from __future__ import annotations

import linecache
import traceback

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


def failed_in_hidden_line(error: BaseException) -> bool:
    """True where an exception came through a hidden line of a test cell, by the text that Python keeps of the cell."""
    for frame in traceback.extract_tb(error.__traceback__):
        if frame.filename.startswith(TEST_CELL):
            source = "".join(linecache.getlines(frame.filename))
            if frame.lineno in hidden_lines(source):
                return True
    return False


def failed_in_visible_line(error: BaseException) -> bool:
    """True where an exception came through a cell whose text Python keeps, and through none of its hidden lines.

    A student's own notebook holds visible lines alone; one that plain nbgrader grades holds the hidden ones too.
    """
    known = False
    for frame in traceback.extract_tb(error.__traceback__):
        if frame.filename.startswith((TEST_CELL, "<ipython-input-")) or "ipykernel_" in frame.filename:
            source = "".join(linecache.getlines(frame.filename))
            known = known or bool(source)
            if frame.lineno in hidden_lines(source):
                return False
    return known
