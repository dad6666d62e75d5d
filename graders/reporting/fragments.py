"""What a student wrote, in fragments that can be compared: code without names and spacing, and words of their own.

The fragments of code are copydetect's: names become one letter, comments and spacing go, overlapping pieces are hashed.
None is winnowed away: which ones that leaves differs from run to run, as Python's hashes do, and a report should not.
copydetect is imported when it is needed: it imports matplotlib.
"""

from __future__ import annotations

import builtins
import functools
import io
import keyword
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pygments.lexers import PythonLexer
from pygments.token import Comment, Literal, Name

if TYPE_CHECKING:
    from copydetect import CodeFingerprint

#: Characters of code (a name counts as one) in a fragment.
LENGTH = 16
_LEAST_WORD = 3
_EVERYBODYS = frozenset(dir(builtins)) | frozenset(keyword.kwlist) | {"torch", "np", "numpy", "plt", "self", "cls"}

#: A fragment: in which cell, and its hash.
Fragment = tuple[str, int]


@dataclass(frozen=True, slots=True)
class CellText:
    """One cell's text in fragments.

    Attributes:
        text: as it was handed in.
        shape: its code without names, comments and spacing.
        letters: all of it but for spacing.
        places: by hash, where in ``shape`` each fragment begins.
        words: names, comments and texts that its author chose.
    """

    text: str
    shape: str
    letters: str
    places: Mapping[int, tuple[int, ...]]
    words: frozenset[str]

    def covered(self, hashes: Iterable[int]) -> int:
        """How many characters of its shape these fragments cover."""
        seen: set[int] = set()
        for one in hashes:
            for place in self.places.get(one, ()):
                seen.update(range(place, min(place + LENGTH, len(self.shape))))
        return len(seen)


@functools.lru_cache(maxsize=50_000)
def read_cell(text: str) -> CellText:
    """The fragments of one cell's text; a text shorter than a fragment is one.

    >>> one, other = read_cell("total = a + b  # sum"), read_cell("s=x+y")
    >>> one.shape == other.shape, one.places == other.places, sorted(one.words)
    (True, True, ['# sum', 'total'])
    """
    print_ = fingerprint(text)
    places = {int(one): tuple(int(place) for place in some) for one, some in print_.hash_idx.items()}
    if not places and print_.filtered_code:
        places = {hash(print_.filtered_code): (0,)}
    return CellText(text, print_.filtered_code, "".join(text.split()), places, frozenset(_words(text)))


def fingerprint(text: str) -> CodeFingerprint:
    """copydetect's own record of a text."""
    from copydetect import CodeFingerprint

    return CodeFingerprint("cell.py", LENGTH, 1, language="python", fp=io.StringIO(text))


def marked(one: str, other: str) -> tuple[tuple[tuple[str, bool], ...], tuple[tuple[str, bool], ...]]:
    """Both texts in pieces: (piece, whether the other one has the like).

    >>> marked("a = 1", "b = 1")
    ((('a = 1', True),), (('b = 1', True),))
    """
    from copydetect import compare_files

    prints = fingerprint(one), fingerprint(other)
    if prints[0].filtered_code == prints[1].filtered_code:
        return ((one, True),), ((other, True),)
    _, _, slices = compare_files(*prints)
    return _pieces(one, slices[0]), _pieces(other, slices[1])


def _pieces(text: str, slices: Sequence[Sequence[int]]) -> tuple[tuple[str, bool], ...]:
    pairs = sorted(zip(map(int, slices[0]), map(int, slices[1]), strict=True)) if len(slices) else []
    pieces, at = [], 0
    for start, end in pairs:
        start, end = max(start, at), min(end, len(text))
        if end > start:
            pieces += [(text[at:start], False), (text[start:end], True)]
            at = end
    pieces.append((text[at:], False))
    return tuple((piece, alike) for piece, alike in pieces if piece)


def _words(text: str) -> Iterator[str]:
    """The names that a text gives, its comments and its texts, as far as they are long enough to tell something."""
    after = ""
    for kind, value in PythonLexer(stripnl=False, ensurenl=False).get_tokens(text):
        word = " ".join(value.split())
        if len(word) >= _LEAST_WORD and (
            kind in Comment
            or (kind in Literal.String and " " in word)
            or (kind in Name and word not in _EVERYBODYS and after not in (".", "import", "from"))
        ):
            yield word
        after = word or after
