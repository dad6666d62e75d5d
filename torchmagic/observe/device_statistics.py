"""Statistics and histogram computed on a device without ever waiting for it: what is fetched is a few numbers.

The same results as :mod:`torchmagic.observe.statistics`, but no step depends on the outcome of another.
"""

from __future__ import annotations

import itertools
import math

import torch

from torchmagic.observe.histograms import BINS, edges_for
from torchmagic.observe.pieces import Reader, blocks, in_memory_order, unexpanded
from torchmagic.observe.statistics import SAMPLE, Moments
from torchmagic.observe.transfer import Reading
from torchmagic.records import Histogram, Stats

CHUNK = 1 << 24
"""Elements reduced at a time: what is needed besides the tensor stays below a few hundred megabytes."""


def launch_summary(
    elements: torch.Tensor, *, plot: bool = True, of: str = ""
) -> Reading[tuple[Stats, Histogram | None]]:
    """Start the reductions of a detached dense tensor; the reading gives its statistics and histogram.

    >>> from torchmagic.observe.transfer import finish_all
    >>> (stats, histogram), = finish_all([launch_summary(torch.tensor([1.0, 3.0, float("nan")]))])
    >>> stats.mean, stats.nans, sum(histogram.counts)
    (2.0, 1, 2)
    """
    elements, times = unexpanded(elements)
    if elements.is_complex():
        elements, of = elements.abs(), of or "magnitudes"
    integers = not elements.is_floating_point()
    elements = in_memory_order(elements)
    reader = Reader(_narrower(elements), min(elements.numel(), CHUNK))
    rows, samples, every = [], [], -(-elements.numel() // SAMPLE) | 1
    for block in blocks(elements, CHUNK):
        flat = reader.flat(block.to(reader.dtype) if elements.device.type == "mps" else block)
        rows.append(_reduced(flat))
        if plot:
            part = flat[::every]
            samples.append(part if reader.as_is and part.is_contiguous() else part.clone())
    if not rows:
        return Reading((), lambda: (Moments().stats(times, of=of), None))
    sizes = [block.numel() for block in blocks(elements, CHUNK)]
    table = torch.stack(rows)
    below = _below_edges(torch.cat(samples), table, integers) if plot else table[:0]

    def finish(numbers: torch.Tensor, cumulated: torch.Tensor) -> tuple[Stats, Histogram | None]:
        moments = Moments()
        for size, row in zip(sizes, numbers.double().tolist(), strict=True):
            _merge(moments, size, row)
        stats = moments.stats(times, of=of)
        sampled = every > 1
        return stats, _histogram(cumulated, stats, integers, sampled, 1 if sampled else times) if plot else None

    return Reading((table, below), finish)


def _narrower(elements: torch.Tensor) -> torch.dtype:
    """The dtype to read with: some devices know no float64."""
    return torch.float32 if elements.device.type == "mps" else elements.dtype


def _reduced(flat: torch.Tensor) -> torch.Tensor:
    """[finite, zeros, nans, low, high, mean, squares] of a chunk, as one small tensor on its device."""
    finite = flat.isfinite()
    count = finite.sum()
    number = count.clamp(min=1)
    exact = torch.float32 if flat.device.type == "mps" else torch.float64
    mean = torch.where(finite, flat, 0).sum(dtype=exact) / number
    low = torch.where(finite, flat, math.inf).amin()
    high = torch.where(finite, flat, -math.inf).amax()
    off = torch.where(finite, flat - mean, 0).to(exact)  # squares of float32 would overflow or vanish
    around = (off * off).sum() - off.sum() ** 2 / number
    found = (count, (flat == 0).sum(), flat.isnan().sum(), low, high, mean, around)
    return torch.stack([value.to(exact) for value in found])


def _merge(moments: Moments, size: int, row: list[float]) -> None:
    finite, zeros, nans, low, high, mean, squares = row
    moments.count += size
    moments.nans += int(nans)
    moments.infs += size - int(finite) - int(nans)
    if finite:
        moments.merge(int(finite), int(zeros), low, high, mean, max(squares, 0.0))


def _below_edges(sample: torch.Tensor, table: torch.Tensor, integers: bool) -> torch.Tensor:
    """How many of the sample lie below each inner edge, how many in all, and between which extremes."""
    low, high = table[:, 3].amin(), table[:, 4].amax()
    steps = torch.arange(1, BINS, device=sample.device)
    edges = low + (high - low) * (steps / BINS)
    if integers:
        width = ((high - low + 1) / BINS).ceil()
        edges = low - 0.5 + width * steps
    finite = sample.isfinite()
    counts = [((sample < edge) & finite).sum() for edge in edges.to(sample.dtype)]
    return torch.stack([*counts, finite.sum()])


def _histogram(below: torch.Tensor, stats: Stats, integers: bool, sampled: bool, times: int) -> Histogram | None:
    if stats.minimum is None or stats.maximum is None or stats.minimum == stats.maximum:
        return None
    left, right, bins = edges_for(stats.minimum, stats.maximum, integers=integers)
    cumulated = [0, *below.tolist()]
    counts = [(after - before) * times for before, after in itertools.pairwise(cumulated)]
    return Histogram(left, right, (*counts[: bins - 1], sum(counts[bins - 1 :])), sampled)
