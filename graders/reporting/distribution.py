"""The class's scores: a histogram and its summary."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

_MOST_BINS = 12
_STEPS = (0.25, 0.5, 1, 2, 2.5, 5, 10, 20, 25, 50, 100, 200, 250, 500, 1000)


@dataclass(frozen=True, slots=True)
class Bin:
    """Scores from ``low`` on and below ``high`` (in the last bin: also ``high``), and how many there are."""

    low: float
    high: float
    count: int


@dataclass(frozen=True, slots=True)
class Scores:
    """A class's scores.

    Attributes:
        count: students who have one.
        max_score: points that there are.
        bins: a histogram; the counts add up to ``count``.
        whole: whether each bin is one whole number of points, ``low``.
        mean, median, low, high: None where nobody has a score.
        deviation: of the class (not estimated for others); None likewise.
        quarter, three_quarters: the quartiles; None likewise.
        full, zero: how many have all the points, and none.
    """

    count: int
    max_score: float
    bins: tuple[Bin, ...] = ()
    whole: bool = False
    mean: float | None = None
    median: float | None = None
    deviation: float | None = None
    quarter: float | None = None
    three_quarters: float | None = None
    low: float | None = None
    high: float | None = None
    full: int = 0
    zero: int = 0


def describe_scores(values: Sequence[float], max_score: float) -> Scores:
    """Histogram and summary of final scores.

    >>> found = describe_scores([0.0, 1.0, 2.0, 2.0], 2.0)
    >>> found.median, [(bin.low, bin.high, bin.count) for bin in found.bins]
    (1.5, [(0.0, 1.0, 1), (1.0, 2.0, 1), (2.0, 3.0, 2)])
    """
    finite = sorted(float(value) for value in values if math.isfinite(value))
    if not finite:
        return Scores(0, max_score)
    whole = max(max_score, finite[-1]) < _MOST_BINS and finite[0] >= 0 and all(value == int(value) for value in finite)
    quarters = statistics.quantiles(finite, n=4, method="inclusive") if len(finite) > 1 else [finite[0]] * 3
    return Scores(
        count=len(finite),
        max_score=max_score,
        bins=_whole_bins(finite, max_score) if whole else _bins(finite, max_score),
        whole=whole,
        mean=statistics.fmean(finite),
        median=statistics.median(finite),
        deviation=statistics.pstdev(finite),
        quarter=quarters[0],
        three_quarters=quarters[2],
        low=finite[0],
        high=finite[-1],
        full=sum(value >= max_score > 0 for value in finite),
        zero=sum(value <= 0 for value in finite),
    )


def _whole_bins(values: Sequence[float], max_score: float) -> tuple[Bin, ...]:
    """A bin for each whole number from 0 to the most points, or above."""
    most = math.ceil(max(max_score, values[-1]))
    return tuple(Bin(float(one), one + 1.0, values.count(one)) for one in range(most + 1))


def _bins(values: Sequence[float], max_score: float) -> tuple[Bin, ...]:
    """Bins of one round width from 0, or from below where a score is, to the most points, or above."""
    top = max(max_score, values[-1], 0.0)
    bottom = min(0.0, values[0])
    span = (top - bottom) or 1.0
    width = next((step for step in _STEPS if span / step <= _MOST_BINS), span / _MOST_BINS)
    first = math.floor(bottom / width)
    count = max(1, math.ceil((top - first * width) / width - 1e-9))
    counts = [0] * count
    for value in values:
        counts[min(count - 1, int((value - first * width) / width + 1e-9))] += 1
    edges = [round((first + place) * width, 6) for place in range(count + 1)]
    return tuple(Bin(low, high, n) for low, high, n in zip(edges, edges[1:], counts, strict=False))
