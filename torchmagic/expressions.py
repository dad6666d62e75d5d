"""Split an argument line into Python expressions, and recognise the magics that stand above a cell."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

#: Words between two halves of one expression.
_OPERATORS = "+ - * / // % @ ** == != < > <= >= & | ^ << >> and or in is not if else for"
_JOINING = frozenset(_OPERATORS.split())
_LINE = re.compile(r"^\s*%%?(tensorinfo|gradtrace)\s")
_WORD = re.compile(r"""(?:--[\w-]+=)?(?:"[^"]*"|'[^']*')(?!\S)|\S+""")  # quotes keep the spaces of an option's value
_MAGIC = re.compile(r"^%%(\w+)(?:[ \t]+(.*?))?[ \t]*$")  # not `%%name?`, which asks for help


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
        found.append((match.group(1), match.group(2) or ""))
    return Above(tuple(found), len(found))


def below_magics(source: str, known: Sequence[str]) -> str:
    """What stands below the magics of ``known`` in a cell.

    >>> below_magics("%%tensorinfo\\n%%time\\nx", ["tensorinfo"])
    '%%time\\nx'
    """
    lines = source.lstrip("\n").splitlines(keepends=True)
    return "".join(lines[magics_above(source, known).lines :])


def without_magics(lines: Sequence[str], count: int) -> list[str]:
    """The lines of a cell without the ``count`` magics above it; the others keep their numbers.

    >>> without_magics(["%%tensorinfo\\n", "x\\n"], 1)
    ['\\n', 'x\\n']
    >>> without_magics(["%%tensorinfo\\n", "%%time\\n", "x\\n"], 1)
    ['%%time\\n', 'x\\n']
    """
    first = next(i for i, text in enumerate(lines) if text.strip())
    rest = list(lines[first + count :])
    if any(text.startswith("%%") for text in rest[:1]):
        return rest  # another cell magic must stand on the first line; it counts its lines from there anyway
    return [*("\n" for _ in range(first + count)), *rest]


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


def split_options(line: str, known: Mapping[str, bool]) -> tuple[list[str], str]:
    """The options at both ends of an argument line, and the expressions between them.

    Args:
        line: the argument line; its expressions may hold quotes and dashes that an argument parser would eat.
        known: the options that there are, and for each whether a value follows.

    >>> split_options("--max-rows 3 x['a b'] -y --no-stats", {"--max-rows": True, "--no-stats": False})
    (['--max-rows', '3', '--no-stats'], "x['a b'] -y")
    >>> split_options("loss --save 'my graph.svg'", {"--save": True})
    (['--save', "'my graph.svg'"], 'loss')
    """
    spans = [match.span() for match in _WORD.finditer(line)]
    words = [line[start:end] for start, end in spans]
    first = 0
    while first < len(words) and words[first].startswith("--"):
        first += 2 if known.get(words[first]) and first + 1 < len(words) else 1
    last = len(words)
    while last > first:
        if known.get(words[last - 1].partition("=")[0]) is not None:
            last -= 1
        elif last - 2 >= first and known.get(words[last - 2]):
            last -= 2
        else:
            break
    rest = line[spans[first][0] : spans[last - 1][1]] if first < last else ""
    return words[:first] + words[last:], rest


def completions(line: str, options: Callable[[str], Mapping[str, bool]], names: Mapping[str, object]) -> list[str]:
    """What may stand at the end of a line that begins with one of our magics; nothing for other lines.

    Args:
        line: up to the cursor.
        options: gives the options of a magic by its name.
        names: the user's variables.

    >>> completions("%%tensorinfo --st", lambda name: {"--stats": False, "--on": False}, {})
    ['--stats']
    >>> completions("%tensorinfo x we", lambda name: {}, {"weight": 1, "_": 2})
    ['weight']
    """
    match = _LINE.match(line)
    if match is None:
        return []
    word = re.split(r"\s", line)[-1]
    if word.startswith("-"):
        return [option for option in options(match.group(1)) if option.startswith(word)]
    if word and not word.isidentifier():
        return []
    return [name for name in names if name.startswith(word) and not name.startswith("_")]


def _parses(text: str) -> bool:
    try:
        ast.parse(text.strip(), mode="eval")
    except (SyntaxError, ValueError):
        return False
    return True


def _joins(words: Sequence[str], at: int) -> bool:
    return at < len(words) and words[at] in _JOINING
