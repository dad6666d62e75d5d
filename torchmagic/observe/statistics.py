"""Statistics of a tensor's elements in one pass of small chunks, without disturbing the tensor."""

from __future__ import annotations

import math
from collections.abc import Sequence
from struct import pack, unpack
from time import perf_counter

import torch

from torchmagic.observe.histograms import BINS, histogram_of
from torchmagic.observe.pieces import CHUNK, Reader, blocks, finite_only, in_memory_order, unexpanded
from torchmagic.observe.reductions import ALONE, cores_for
from torchmagic.records import Histogram, Stats

FULL = 1 << 31
"""Of tensors with more elements than this, an even part is read."""

SAMPLE = 1 << 17
"""About so many elements of a tensor of several chunks make its histogram."""

_WELL = 0.1  # a variance below this part of the mean square loses digits, and is computed about the mean


def statistics(elements: torch.Tensor) -> Stats | None:
    """Statistics of a detached dense tensor that holds real numbers.

    >>> stats = statistics(torch.tensor([1.0, 3.0, float("nan"), float("inf"), 0.0]))
    >>> stats.minimum, stats.maximum, round(stats.mean, 3), stats.zeros, stats.nans, stats.infs
    (0.0, 3.0, 1.333, 1, 1, 1)
    """
    return summarize(elements, plot=False)[0]


def summarize(elements: torch.Tensor, *, plot: bool = True, of: str = "") -> tuple[Stats, Histogram | None]:
    """Statistics and histogram of a detached dense tensor in the computer's own memory.

    Args:
        elements: real or complex numbers; of complex ones the magnitudes are taken.
        plot: whether to make a histogram.
        of: what the elements are, where they are not the tensor's own.
    """
    elements, times = unexpanded(elements)
    if elements.is_complex():
        of = of or "magnitudes"
    elements = in_memory_order(elements)
    total = elements.numel()
    every = math.ceil(total / FULL) if total > FULL else 1
    whole = Reader(_real(elements.dtype), min(total, CHUNK))
    moments = Moments()
    sample = _Sample(total) if plot and total > CHUNK else None
    flat: torch.Tensor | None = None
    pace = _Pace()
    for number, block in enumerate(blocks(elements)):
        if number % every:
            continue
        start = perf_counter()
        flat = whole.flat(block.abs() if block.is_complex() else block)
        for part in pace.parts(flat):
            moments.add(part, whole)
        pace.took(perf_counter() - start)
        if sample is not None:
            sample.take(flat)
    stats = moments.stats(times, sampled=every > 1, of=of)
    if not plot or flat is None:
        return stats, None
    chosen = flat if sample is None else sample.taken()
    integers = not (elements.is_floating_point() or elements.is_complex())
    weight = times if sample is None and every == 1 else 1
    return stats, histogram_of(chosen, stats, integers=integers, bins=BINS, sampled=sample is not None, times=weight)


def _real(dtype: torch.dtype) -> torch.dtype:
    return torch.float64 if dtype == torch.complex128 else torch.float32 if dtype.is_complex else dtype


class Moments:
    """Counts, extremes and moments over chunks, merged as Chan, Golub and LeVeque (1979) do."""

    def __init__(self) -> None:
        self.count = self.zeros = self.nans = self.infs = self.finite = 0
        self.low, self.high = math.inf, -math.inf
        self.mean = self.squares = self._shift = 0.0

    def add(self, chunk: torch.Tensor, room: Reader) -> None:
        """Take one flat chunk of float32 or float64 in."""
        self.count += chunk.numel()
        low, high = cores_for(chunk).extremes(chunk)
        if not (math.isfinite(low) and math.isfinite(high)):  # NaN, where there is one
            size = chunk.numel()
            chunk, nans = finite_only(chunk)
            self.nans += nans
            self.infs += size - chunk.numel() - nans
            if not chunk.numel():
                return
            low, high = cores_for(chunk).extremes(chunk)
        size = chunk.numel()
        zeros = cores_for(chunk).zeros(chunk, room.spare(size)) if low <= 0 <= high else 0
        mean, squares = (low, 0.0) if low == high else self._moments(chunk, room)
        self.merge(size, zeros, low, high, mean, squares)

    def _moments(self, chunk: torch.Tensor, room: Reader) -> tuple[float, float]:
        """Mean, and sum of squared distances from it; about a shift where the mean is large beside the spread."""
        size, cores = chunk.numel(), cores_for(chunk)
        for _ in range(2):
            centred = cores.less(chunk, self._shift, room.spare(size)) if self._shift else chunk
            off = cores.total(centred) / size
            squares = cores.squares(centred)
            around = squares - size * off * off
            mean = self._shift + off
            if around > _WELL * squares and math.isfinite(squares):
                return mean, around
            if not abs(mean) < 1e38:
                break
            self._shift = mean if chunk.dtype is torch.float64 else _single(mean)  # exactly what is subtracted
        scale = max(abs(chunk.min().item()), abs(chunk.max().item()))  # squares that overflow, or one outlier
        wide = chunk.double() / scale
        centre = wide.mean()
        wide -= centre
        return centre.item() * scale, torch.dot(wide, wide).item() * scale * scale

    def merge(self, size: int, zeros: int, low: float, high: float, mean: float, squares: float) -> None:
        """Take in what was found of ``size`` finite elements."""
        self.low, self.high = min(self.low, low), max(self.high, high)
        squares = math.inf if math.isnan(squares) else squares  # beyond float64
        self.zeros += zeros
        delta, merged = mean - self.mean, self.finite + size
        self.squares += squares + (delta * self.finite / merged) * (delta * size)
        self.mean += delta * (size / merged)
        self.finite = merged

    def stats(self, times: int = 1, *, sampled: bool = False, of: str = "") -> Stats:
        """What the chunks add up to, when each element counts ``times`` times."""
        some = self.finite > 0
        finite = self.finite * times
        mean = min(max(self.mean, self.low), self.high)  # rounding must not carry it outside
        return Stats(
            count=self.count * times,
            minimum=self.low if some else None,
            maximum=self.high if some else None,
            mean=mean if some else None,
            std=math.sqrt(max(self.squares, 0.0) * (times / (finite - 1))) if finite > 1 else None,
            zeros=self.zeros * times,
            nans=self.nans * times,
            infs=self.infs * times,
            sampled=sampled,
            of=of,
        )


class _Pace:
    """Chooses by the clock how chunks are taken: whole, by all cores at once, or in parts that one core takes alone.

    All cores at once are fastest on a computer that has nothing else to do, and many times slower on one that has:
    each operation waits for the core that is late.
    """

    def __init__(self) -> None:
        self._count = self._late = 0
        self._alone = math.inf  # seconds that the chunk took which was taken in parts

    def parts(self, flat: torch.Tensor) -> Sequence[torch.Tensor]:
        """The chunk as it is to be taken."""
        if self._count == 1:  # before all operations are left to all cores, two of them are tried
            self._late = sum(_seconds_of_sum(flat) > self._alone / 2 for _ in range(2)) * 2
        in_parts = self._count == 0 or self._late > 1
        return flat.split(ALONE) if in_parts and flat.numel() == CHUNK else (flat,)

    def took(self, seconds: float) -> None:
        """How long the last chunk took."""
        self._count += 1
        if self._count == 1:
            self._alone = seconds
        elif seconds > 1.2 * self._alone:
            self._late += 1


def _seconds_of_sum(flat: torch.Tensor) -> float:
    start = perf_counter()
    flat.sum()
    return perf_counter() - start


def _single(number: float) -> float:
    """The number as float32 holds it."""
    rounded: float = unpack("f", pack("f", number))[0]
    return rounded


class _Sample:
    """Elements taken at even distances from the chunks while they are in the cache."""

    def __init__(self, total: int) -> None:
        self._every = -(-total // SAMPLE) | 1  # odd: rows are often a power of two long
        self._parts: list[torch.Tensor] = []
        self._offset = 0

    def take(self, flat: torch.Tensor) -> None:
        """Copy the next elements."""
        part = flat[self._offset :: self._every]
        self._offset = (self._offset - flat.numel()) % self._every
        self._parts.append(part.clone())

    def taken(self) -> torch.Tensor:
        """All of them."""
        return torch.cat(self._parts)
