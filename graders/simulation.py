"""A simulated class: which student hands in which of an assignment's known right and wrong solutions."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from graders.mutants import Mutant

# fmt: off
_NAMES = (
    "ada", "alan", "barbara", "benoit", "chien", "dennis", "donald", "edsger", "emmy", "frances", "grace", "hedy",
    "ida", "jean", "john", "katherine", "kurt", "leslie", "margaret", "maria", "niklaus", "radia", "shafi", "tim",
)
# fmt: on


@dataclass(frozen=True)
class Handin:
    """What one student hands in for one assignment."""

    student: str
    assignment: str
    mutant: Mutant


def students(count: int) -> list[str]:
    """The ids of a class.

    >>> students(3), students(26)[-2:]
    (['ada', 'alan', 'barbara'], ['ada-2', 'alan-2'])
    """
    return [_NAMES[i % len(_NAMES)] + (f"-{i // len(_NAMES) + 1}" if i >= len(_NAMES) else "") for i in range(count)]


def cast(ids: Sequence[str], mutants: Mapping[str, Sequence[Mutant]], seed: int = 0) -> list[Handin]:
    """Give each student a mutant of each assignment; the same for the same seed.

    Kinds take turns, so that a small class has right, wrong, blank, broken and hostile ones too, and every
    mutant is handed in where there are students enough.
    """
    handins = []
    for assignment, some in sorted(mutants.items()):
        dealt = _dealt(some, random.Random(f"{seed} {assignment}"))
        handins += [Handin(student, assignment, dealt[i % len(dealt)]) for i, student in enumerate(ids)]
    return handins


def _dealt(mutants: Sequence[Mutant], chance: random.Random) -> list[Mutant]:
    piles: dict[str, list[Mutant]] = {}
    for mutant in mutants:
        piles.setdefault(mutant.kind, []).append(mutant)
    order = list(piles.values())
    chance.shuffle(order)
    for pile in order:
        chance.shuffle(pile)
    dealt = []
    while any(order):
        dealt += [pile.pop() for pile in order if pile]
    return dealt
