"""A simulated class: which student hands in which of an assignment's known right and wrong solutions, and when.

The proportions are an assumption for load tests, not a measurement. They stand for an exercise in which students see
some of the tests while they work: most hand in what passes those, a third of them with a misconception, and few
misconceptions are common (Zipf's law) while most are rare.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from torchmagic.errors import TorchmagicError

if TYPE_CHECKING:
    from graders.mutants import Mutant

# fmt: off
_NAMES = (
    "ada", "alan", "barbara", "benoit", "chien", "dennis", "donald", "edsger", "emmy", "frances", "grace", "hedy",
    "ida", "jean", "john", "katherine", "kurt", "leslie", "margaret", "maria", "niklaus", "radia", "shafi", "tim",
)
# fmt: on

#: What never ends, or fills the memory: each costs the whole time limit, so that few of them would fill a load test.
ENDLESS = "endless"
_ENDLESS_OUTCOMES = ("timeout", "memory")

#: How much of a class each kind is. Where an assignment has no solution of a kind, the others share its part.
SHARES: Mapping[str, float] = {
    "right": 0.55,
    "partial": 0.33,
    "blank": 0.06,
    "broken": 0.04,
    "hostile": 0.018,
    ENDLESS: 0.002,
}
#: From so many students on, each kind that there is occurs once at the least.
EVERY_KIND_FROM = 20
COPIED = 0.015
LATE = 0.04
_LATEST_HOURS = 48.0
_EARLIEST_HOURS = 14 * 24.0
_MEAN_HOURS_BEFORE = 30.0


@dataclass(frozen=True)
class Handin:
    """What one student hands in for one assignment.

    Attributes:
        mutant: the known solution that it is.
        author: whose words its comments are, by which it differs from all others; "" for the mutant as it is.
        seed: chooses those words.
        hours: when, in hours after the due date; negative before it.
        disguised: the text is the author's, and comments and names of local variables were changed to hide it.
    """

    student: str
    assignment: str
    mutant: Mutant
    author: str = ""
    seed: int = 0
    hours: float = -1.0
    disguised: bool = False

    @property
    def copied(self) -> bool:
        """Whether the text is another student's."""
        return self.author not in ("", self.student)


def students(count: int) -> list[str]:
    """The ids of a class.

    >>> students(3), students(26)[-2:]
    (['ada', 'alan', 'barbara'], ['ada-2', 'alan-2'])
    """
    return [_NAMES[i % len(_NAMES)] + (f"-{i // len(_NAMES) + 1}" if i >= len(_NAMES) else "") for i in range(count)]


def cast(ids: Sequence[str], mutants: Mapping[str, Sequence[Mutant]], seed: int = 0) -> list[Handin]:
    """Give each student a mutant of each assignment, in the proportions of ``SHARES``; the same for the same seed.

    A few students hand in the work of another (``COPIED``): half of them as it is, half of them disguised. A few are
    late (``LATE``).

    Raises:
        TorchmagicError: an assignment has no mutants to choose from.
    """
    handins = []
    for assignment, some in sorted(mutants.items()):
        if not some:
            raise TorchmagicError(
                f"There is no solution of {assignment!r} to hand in.", hint="Add mutants, or allow other kinds of them."
            )
        chance = random.Random(f"{seed} {assignment}")
        dealt = _dealt(some, len(ids), chance)
        own = [
            Handin(student, assignment, mutant, student, seed, _hours(chance))
            for student, mutant in zip(ids, dealt, strict=True)
        ]
        handins += _with_copies(own, chance)
    return handins


def apportion(weights: Sequence[float], count: int, least: int = 0) -> list[int]:
    """Whole numbers in proportion to the weights, by largest remainders, that add up to ``count``.

    Args:
        weights: greater than 0.
        least: what each gets at the least, as far as ``count`` allows.

    >>> apportion([0.6, 0.3, 0.1], 5), apportion([0.98, 0.01, 0.01], 20, least=1)
    ([3, 2, 0], [18, 1, 1])
    """
    least = least if count >= least * len(weights) else 0
    whole = sum(weights)
    quotas = [count * weight / whole for weight in weights]
    parts = [max(least, int(quota)) for quota in quotas]
    while sum(parts) < count:
        parts[max(range(len(parts)), key=lambda i: quotas[i] - parts[i])] += 1
    while sum(parts) > count:
        parts[max((i for i in range(len(parts)) if parts[i] > least), key=lambda i: parts[i] - quotas[i])] -= 1
    return parts


def _dealt(mutants: Sequence[Mutant], count: int, chance: random.Random) -> list[Mutant]:
    """A mutant for each of so many students, in no order."""
    groups: dict[str, list[Mutant]] = {}
    for mutant in sorted(mutants, key=lambda mutant: mutant.name):
        groups.setdefault(_group(mutant), []).append(mutant)
    present = [name for name in SHARES if name in groups]
    sizes = apportion([SHARES[name] for name in present], count, least=int(count >= EVERY_KIND_FROM))
    dealt: list[Mutant] = []
    for name, size in zip(present, sizes, strict=True):
        group = groups[name]
        chance.shuffle(group)  # which of them are common
        popularity = [1 / rank for rank in range(1, len(group) + 1)]
        dealt += _repeated(zip(group, apportion(popularity, size), strict=True))
    chance.shuffle(dealt)
    return dealt


def _group(mutant: Mutant) -> str:
    return ENDLESS if mutant.outcome in _ENDLESS_OUTCOMES else mutant.kind


def _repeated(counts: Iterable[tuple[Mutant, int]]) -> list[Mutant]:
    return [mutant for mutant, count in counts for _ in range(count)]


def _with_copies(own: Sequence[Handin], chance: random.Random) -> list[Handin]:
    """Some of those who worked hand in the work of one of the others."""
    worked = [handin.student for handin in own if handin.mutant.kind in ("right", "partial")]
    copying = chance.sample(worked, min(round(COPIED * len(own)), len(worked) // 2))
    honest = [handin for handin in own if handin.student in set(worked) - set(copying)]
    texts = {student: chance.choice(honest) for student in copying}
    disguised = set(copying[::2])
    return [
        replace(handin, mutant=text.mutant, author=text.author, disguised=handin.student in disguised)
        if (text := texts.get(handin.student))
        else handin
        for handin in own
    ]


def _hours(chance: random.Random) -> float:
    if chance.random() < LATE:
        return chance.uniform(0.01, _LATEST_HOURS)
    return -min(chance.expovariate(1 / _MEAN_HOURS_BEFORE) + 0.01, _EARLIEST_HOURS)
