"""Axes of curves: where a number lies between 0 and 1, linear or by powers of ten, and which numbers to write."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from torchmagic.render.words import number

_MANY = 30.0
_ROOM = 0.06
_SHORT_DECADES = range(-2, 4)


@dataclass(frozen=True, slots=True)
class Scale:
    """An axis from ``low`` to ``high``, in logarithms to base 10 where ``log``.

    >>> Scale(0, 3, True).place(10.0), Scale(0, 3, True).place(0.0)
    (0.3333333333333333, 0.0)
    """

    low: float
    high: float
    log: bool

    def place(self, value: float) -> float:
        """Where a value lies, from 0 to 1; what a logarithm cannot show lies at 0."""
        if self.log:
            if value <= 0:
                return 0.0
            value = math.log10(value)
        share = (value - self.low) / (self.high - self.low)
        return min(1.0, max(0.0, share))

    def ticks(self, most: int = 4) -> list[tuple[float, str]]:
        """Round numbers on the axis: where they lie, and as text.

        >>> [text for _, text in Scale(-4, 0, True).ticks()], [text for _, text in Scale(0, 10, False).ticks()]
        (['1e-4', '0.01', '1'], ['0', '5', '10'])
        """
        if self.log and self.high - self.low >= 1:
            step = max(1, -(-round(self.high - self.low) // (most - 1)))
            powers = range(math.ceil(self.low - 1e-9), math.floor(self.high + 1e-9) + 1)
            return [(self.place(10.0**power), _power(power)) for power in powers if power % step == 0]
        low, high = (10**self.low, 10**self.high) if self.log else (self.low, self.high)
        return [(self.place(value), number(value)) for value in round_numbers(low, high, most)]


def scale(values: Iterable[float], log: bool | None = None) -> Scale:
    """An axis that shows all finite values; by powers of ten where asked, or where they span much and are positive.

    >>> scale([1.0, 1000.0]).log, scale([1.0, 2.0]).log, scale([-1.0, 1000.0]).log
    (True, False, False)
    """
    known = [value for value in values if math.isfinite(value)]
    positive = [value for value in known if value > 0]
    if log is None:
        log = len(positive) == len(known) > 0 and max(known) > _MANY * min(known)
    if log:
        exponents = [math.log10(value) for value in positive] or [0.0]
        low, high = min(exponents), max(exponents)
        room = max(0.1, _ROOM * (high - low))
        if any(value <= 0 for value in known):
            low -= 4 * room
        return Scale(low - room, high + room, True)
    low, high = min(known, default=0.0), max(known, default=1.0)
    if 0 <= low < 0.5 * high:
        low = 0.0
    room = _ROOM * (high - low) or 0.1 * abs(high) or 1.0
    return Scale(low if low == 0 else low - room, high + room, False)


def round_numbers(low: float, high: float, most: int) -> list[float]:
    """Multiples of 1, 2 or 5 times a power of ten between two numbers, at most so many.

    >>> round_numbers(1, 500, 4)
    [200.0, 400.0]
    """
    if not high > low:
        return [low]
    power = math.floor(math.log10((high - low) / most))
    for factor in (1, 2, 5, 10, 20, 50):
        step = factor * 10.0**power
        first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
        if last - first + 1 <= most:
            return [float(f"{place * step:.12g}") for place in range(first, last + 1)]
    return []


def _power(power: int) -> str:
    return number(10.0**power) if power in _SHORT_DECADES else f"1e{power}"
