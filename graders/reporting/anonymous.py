"""Take out of a text what tells whose it is: comments, docstrings, and student ids."""

from __future__ import annotations

import random
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property

from pygments.lexers import PythonLexer
from pygments.token import Comment, Literal, Name

from graders.reporting.data import ClassResults, StudentResult

#: What stands where a student's id was.
MASK = "someone"
_SHORTEST_IN_NAMES = 4
_SHORTEST_IN_TICKS = 3
_IN_WORD = r"(?:[^\W_]|-)"


@dataclass(frozen=True)
class Masker:
    """Masks the ids of a class.

    Args:
        ids: all student ids.
    """

    ids: tuple[str, ...]

    def text(self, said: str) -> str:
        """A sentence without ids that stand in it as words.

        >>> Masker(("ada", "bob")).text("ada-2 and Ada: adamant")
        'ada-2 and someone: adamant'
        >>> Masker(("x",)).text("x: it is the mean of `x`")
        'someone: it is the mean of `x`'
        """
        pieces = said.split("`")  # what a check puts between these is what the course calls things
        inside = range(1, len(pieces) - 1, 2)
        masks = (self._long_words if place in inside else self._words for place in range(len(pieces)))
        return "`".join(mask.sub(MASK, piece) for mask, piece in zip(masks, pieces, strict=True))

    def code(self, source: str, own: str = "") -> str:
        """A program without comments, docstrings and ids in its strings; ``own`` is masked in names, too.

        It need not parse.

        >>> print(Masker(("ada", "bob")).code("# by Ada\\nx = 1  # mine\\nby = 'ada'\\nada_sum = x.sum()", "ada"))
        x = 1
        by = 'someone'
        ada_sum = x.sum()
        >>> print(Masker(("lovelace",)).code("lovelace_sum = 1", "lovelace"))
        someone_sum = 1
        """
        kept: list[str] = []
        for kind, value in PythonLexer(stripnl=False, ensurenl=False).get_tokens(source):
            if kind in Comment or kind in Literal.String.Doc:
                continue
            if kind in Literal.String:
                kept.append(self.text(value))
            elif kind in Name and len(own) >= _SHORTEST_IN_NAMES:
                kept.append(re.sub(re.escape(own), MASK, value, flags=re.IGNORECASE))
            else:
                kept.append(value)
        return "\n".join(line.rstrip() for line in "".join(kept).splitlines() if line.strip())

    @cached_property
    def _words(self) -> re.Pattern[str]:
        return self._pattern(1)

    @cached_property
    def _long_words(self) -> re.Pattern[str]:
        return self._pattern(_SHORTEST_IN_TICKS)

    def _pattern(self, least: int) -> re.Pattern[str]:
        longest = sorted((name for name in self.ids if len(name.strip()) >= least), key=len, reverse=True)
        return re.compile(
            rf"(?<!{_IN_WORD})(?:{'|'.join(map(re.escape, longest)) or '(?!)'})(?!{_IN_WORD})", re.IGNORECASE
        )


def numbered(results: ClassResults, chance: random.Random) -> ClassResults:
    """The same class with numbers for ids, dealt by chance: a roster's order does not tell who is who.

    >>> made = numbered(ClassResults("c", "a", (), (), {}), random.Random(0))
    >>> made.students
    ()
    """
    masker = Masker(tuple(student.student for student in results.students))
    places = list(range(1, len(results.students) + 1))
    chance.shuffle(places)
    width = len(str(len(places)))
    students = [
        _renamed(student, f"student {place:0{width}d}", masker)
        for student, place in zip(results.students, places, strict=True)
    ]
    return replace(results, students=tuple(sorted(students, key=lambda one: one.student)))


def _renamed(student: StudentResult, name: str, masker: Masker) -> StudentResult:
    sources: Mapping[str, str] = {key: masker.code(text, student.student) for key, text in student.sources.items()}
    return replace(student, student=name, message=masker.text(student.message), sources=sources)
