"""Split an argument line into Python expressions, and recognise the magics that stand above a cell."""

from __future__ import annotations

import ast
import re
from collections.abc import Sequence
from dataclasses import dataclass

#: Words between two halves of one expression.
_OPERATORS = "+ - * / // % @ ** == != < > <= >= & | ^ << >> and or in is not if else for"
_JOINING = frozenset(_OPERATORS.split())
_MAGIC = re.compile(r"^%%(\w+)[ \t]*(.*?)[ \t]*$")


@dataclass(frozen=True, slots=True)
class Above:
    """The magics above a cell, as (name, argument line), and how many lines they take."""

    magics: tuple[tuple[str, str], ...]
    lines: int


def magics_above(source: str, known: Sequence[str]) -> Above:
    """The magics of ``known`` on a cell's first lines.

    >>> magics_above("%%tensorinfo x\\n%%gradtrace\\ny = 1", ["tensorinfo", "gradtrace"])
    Above(magics=(('tensorinfo', 'x'), ('gradtrace', '')), lines=2)
    """
    found: list[tuple[str, str]] = []
    lines = source.lstrip("\n").splitlines()
    for line in lines:
        match = _MAGIC.match(line)
        if match is None or match.group(1) not in known:
            break
        found.append((match.group(1), match.group(2)))
    return Above(tuple(found), len(found))


def split_expressions(line: str) -> list[str]:
    """The expressions in ``line``: separated by spaces, but for spaces inside one.

    >>> split_expressions("x y.T w[0, :] f(a, b) (a + b) d['a b']")
    ['x', 'y.T', 'w[0, :]', 'f(a, b)', '(a + b)', "d['a b']"]

    An operator between two words joins them:

    >>> split_expressions("x + 1 y"), split_expressions("lambda: 0")
    (['x + 1', 'y'], ['lambda: 0'])
    """
    words = line.split()
    found: list[str] = []
    start = 0
    while start < len(words):
        end = start + 1
        while end <= len(words) and (_joins(words, end) or not _parses(" ".join(words[start:end]))):
            end += 1
        if end > len(words):
            return [line.strip()]
        found.append(" ".join(words[start:end]))
        start = end
    return found


def _parses(text: str) -> bool:
    try:
        ast.parse(text.strip(), mode="eval")
    except (SyntaxError, ValueError):
        return False
    return True


def _joins(words: Sequence[str], at: int) -> bool:
    return at < len(words) and words[at] in _JOINING
