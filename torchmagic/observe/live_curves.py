"""Curves of bounded length: the longer a run, the more steps share a point."""

from __future__ import annotations

import math
from array import array
from dataclasses import dataclass, field

MOST_POINTS = 256


@dataclass(slots=True)
class Curve:
    """Finite values by step; each point is the mean, the lowest and the highest of ``width`` steps.

    >>> curve = Curve(most=2)
    >>> for step in range(1, 6):
    ...     curve.add(step, float(step))
    >>> curve.width, curve.steps(), curve.means(), list(curve.highs)
    (4, (1, 5), (2.5, 5.0), [4.0, 5.0])
    """

    most: int = MOST_POINTS
    width: int = 1
    last: float | None = None
    count: int = 0
    places: array[int] = field(default_factory=lambda: array("q"))
    sums: array[float] = field(default_factory=lambda: array("d"))
    counts: array[int] = field(default_factory=lambda: array("q"))
    lows: array[float] = field(default_factory=lambda: array("d"))
    highs: array[float] = field(default_factory=lambda: array("d"))

    def add(self, step: int, value: float) -> None:
        """A value at a step (counted from 1, never before an earlier one); one that is not finite is only ``last``."""
        self.last = value
        self.count += 1
        if not math.isfinite(value):
            return
        place = (step - 1) // self.width
        while place >= self.most:
            self._halve()
            place = (step - 1) // self.width
        self._put(place, value, 1, value, value)

    def steps(self) -> tuple[int, ...]:
        """The first step of each point."""
        return tuple(place * self.width + 1 for place in self.places)

    def means(self) -> tuple[float, ...]:
        """The mean at each point."""
        return tuple(short(total / count) for total, count in zip(self.sums, self.counts, strict=True))

    def widen(self, width: int) -> None:
        """Let a point stand for at least ``width`` steps (a power of two), as another curve's does."""
        while self.width < width:
            self._halve()

    def _put(self, place: int, total: float, count: int, low: float, high: float) -> None:
        if self.places and self.places[-1] == place:
            self.sums[-1] += total
            self.counts[-1] += count
            self.lows[-1] = min(self.lows[-1], low)
            self.highs[-1] = max(self.highs[-1], high)
            return
        self.places.append(place)
        self.sums.append(total)
        self.counts.append(count)
        self.lows.append(low)
        self.highs.append(high)

    def _halve(self) -> None:
        self.width *= 2
        rows = list(zip(self.places, self.sums, self.counts, self.lows, self.highs, strict=True))
        self.places, self.counts = array("q"), array("q")
        self.sums, self.lows, self.highs = array("d"), array("d"), array("d")
        for place, total, count, low, high in rows:
            self._put(place // 2, total, count, low, high)


def short(value: float) -> float:
    """A number with six significant digits: a curve is a picture.

    >>> short(0.123456789)
    0.123457
    """
    return float(f"{value:.6g}")
