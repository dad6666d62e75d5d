"""Histograms: bins that suit the elements, and the counts in them."""

from __future__ import annotations

import math
from typing import Any

import numpy
import torch

from torchmagic.observe.pieces import finite_only
from torchmagic.records import Histogram, Stats

BINS = 24
_PIECE = 1 << 14


def edges_for(low: float, high: float, *, integers: bool, bins: int = BINS) -> tuple[float, float, int]:
    """The outer edges and the number of bins; whole numbers get bins of equally many.

    >>> edges_for(0, 9, integers=True), edges_for(0, 99, integers=True), edges_for(0, 1, integers=False)
    ((-0.5, 9.5, 10), (-0.5, 99.5, 20), (0, 1, 24))
    """
    if not integers:
        return low, high, bins
    numbers = high - low + 1
    width = math.ceil(numbers / bins)
    count = math.ceil(numbers / width)
    return low - 0.5, low - 0.5 + count * width, count


def histogram_of(
    flat: torch.Tensor, stats: Stats, *, integers: bool, bins: int = BINS, sampled: bool = False, times: int = 1
) -> Histogram | None:
    """The histogram of flat float32 or float64 elements between the extremes in ``stats``; None where it is no use.

    >>> values = torch.tensor([0.0, 1.0, 1.0, 2.0])
    >>> histogram_of(values, Stats(4, 0.0, 2.0, 1.0, None, 1, 0, 0), integers=True).counts
    (1, 2, 1)
    """
    low, high = stats.minimum, stats.maximum
    if low is None or high is None or low == high:
        return None
    if stats.nans or stats.infs:
        flat, _ = finite_only(flat)
    start, end, count = edges_for(low, high, integers=integers, bins=bins)
    if not 1e-30 < end - start < 1e30 or end - start < 1e-4 * max(abs(start), abs(end)):
        flat, start, end = _centred(flat, start, end), 0.0, 1.0
    counts = _counted(flat, start, end, count)
    left, right, _ = edges_for(low, high, integers=integers, bins=bins)
    return Histogram(left, right, tuple(int(number) * times for number in counts), sampled)


def _counted(flat: torch.Tensor, start: float, end: float, bins: int) -> list[int]:
    """How many lie in each bin; by NumPy, for torch's histc calls all cores together even for few elements."""
    counts: Any = numpy.zeros(bins, dtype=numpy.int64)
    for piece in flat.split(_PIECE):
        array: Any = piece.numpy()
        kind = array.dtype.type
        places = ((array - kind(start)) * kind(bins / (end - start))).astype(numpy.intp)
        counts += numpy.bincount(places.clip(0, bins - 1), minlength=bins)
    return [int(number) for number in counts]


def _centred(flat: torch.Tensor, start: float, end: float) -> torch.Tensor:
    """The elements moved to 0..1, where float32 or even float64 could not tell the edges apart."""
    scale = max(abs(start), abs(end))
    wide = flat.double() / scale
    left, width = start / scale, end / scale - start / scale
    return ((wide - left) / width).clamp_(0.0, 1.0)
