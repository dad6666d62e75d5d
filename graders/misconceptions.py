"""What a misconception is, and the case that it has to explain: numbers that compare exactly but for rounding."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch

#: How specific a finding is: the lowest rank is said.
RECOMPUTED, CHANGED, NAMED_FACTOR, FACTOR, ORDER = range(5)


@dataclass(frozen=True, slots=True)
class Finding:
    """A misconception that gives exactly the numbers that were given.

    Attributes:
        kind: a stable word for it (``"transposed"``).
        sentence: what to tell the student.
        rank: how specific it is; lower is more so.
        hidden: what to tell of a hidden test, where the sentence itself would give a number away.
    """

    kind: str
    sentence: str
    rank: int = CHANGED
    hidden: str = ""

    @property
    def redacted(self) -> str:
        """The sentence for a hidden test."""
        return self.hidden or self.sentence


@dataclass(frozen=True, slots=True)
class Case:
    """What is expected and what was given, as numbers that compare.

    Attributes:
        expected, got: float64 or complex128; of equal kind.
        whole: whether what is expected holds whole numbers by its dtype; ``truth`` whether True and False.
        given_whole: whether what was given does.
        tolerance: relative, of the less exact dtype of the two.
        sizes: sizes of dims, of what is expected and of the inputs, that a mean may have divided by.
        gradient: whether it is a gradient.
    """

    expected: torch.Tensor
    got: torch.Tensor
    whole: bool
    truth: bool
    given_whole: bool
    tolerance: float
    sizes: tuple[int, ...] = ()
    gradient: bool = False
    values: int = 0

    def is_given(self, candidate: torch.Tensor) -> bool:
        """Whether that is what was given."""
        return same(candidate, self.got, self.tolerance)


def same(one: torch.Tensor, other: torch.Tensor, tolerance: float) -> bool:
    """Equal in shape and, but for rounding, in every number; NaN and infinities are equal to nothing."""
    if one.shape != other.shape:
        return False
    if not one.numel():
        return False
    size = float(torch.maximum(one.abs().max(), other.abs().max()))
    if not math.isfinite(size):
        return False
    kind = torch.promote_types(one.dtype, other.dtype)
    return bool(torch.isclose(one.to(kind), other.to(kind), rtol=tolerance, atol=tolerance * size / 10).all())


def distinct(x: torch.Tensor) -> int:
    """How many different numbers there are.

    >>> distinct(torch.tensor([1.0, 2.0, 1.0]))
    2
    """
    return len(set(x.reshape(-1).tolist()))
