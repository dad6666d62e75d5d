"""Lines that fit a width in terminal cells; East Asian characters take two."""

from __future__ import annotations

import textwrap
import unicodedata

#: The width of text that may end up anywhere: in a notebook file, a log, a pipe.
WIDTH = 80
#: No text is made narrower: below, a terminal has to break lines where it can.
LEAST = 40


def wrapped(text: str, width: int = WIDTH, first: str = "", later: str = "    ") -> list[str]:
    """The text in lines of at most ``width`` cells, broken at spaces where there are any.

    Args:
        text: what to break; its own runs of white space count as one space.
        width: cells that a line may take.
        first: what the first line begins with.
        later: what every other line begins with.

    >>> wrapped("a tensor of three rows", 12, later="  ")
    ['a tensor of', '  three rows']
    >>> wrapped("行列の積", 4, later="")
    ['行列', 'の積']
    """
    lines: list[str] = []
    for columns in range(width, width // 2 - 1, -1):
        lines = textwrap.wrap(text, columns, initial_indent=first, subsequent_indent=later, break_on_hyphens=False)
        if all(cells(line) <= width for line in lines):
            break
    return lines


def cells(text: str) -> int:
    """How many monospace cells a text takes at most: two for a wide character.

    >>> cells("abc"), cells("損失")
    (3, 4)
    """
    if text.isascii():
        return len(text)
    return sum(2 if (unicodedata.east_asian_width(character) in "WFA" and ord(character) > 0x2E80)
               or ord(character) > 0x1F000 else 1 for character in text)  # fmt: skip
