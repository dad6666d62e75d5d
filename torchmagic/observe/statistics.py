"""Statistics of a tensor's elements in one pass of small chunks, without disturbing the tensor."""

from __future__ import annotations

import math
from collections.abc import Iterator

import torch

from torchmagic.records import Stats

CHUNK = 1 << 18
"""Elements read at a time: a chunk fits the cache, so several reductions cost little more than one."""

FULL = 1 << 22
"""Tensors of more elements are sampled, evenly."""


def statistics(elements: torch.Tensor) -> Stats | None:
    """Statistics of a detached dense tensor; None for complex ones, which have no order.

    >>> stats = statistics(torch.tensor([1.0, 3.0, float("nan"), float("inf"), 0.0]))
    >>> stats.minimum, stats.maximum, round(stats.mean, 3), stats.zeros, stats.nans, stats.infs
    (0.0, 3.0, 1.333, 1, 1, 1)
    """
    if elements.is_complex():
        return None
    total = _Running()
    sampled = elements.numel() > FULL
    for chunk in _chunks(elements, sampled):
        total.add(chunk)
    return total.stats(sampled)


def _chunks(elements: torch.Tensor, sampled: bool) -> Iterator[torch.Tensor]:
    if sampled:
        flat = elements.view(-1) if elements.is_contiguous() else elements[tuple(_thin(elements))].reshape(-1)
        elements = flat[:: max(1, flat.numel() // FULL)]
    flat = elements.reshape(-1)
    for start in range(0, flat.numel(), CHUNK):
        yield flat[start : start + CHUNK]


def _thin(elements: torch.Tensor) -> list[slice]:
    """A slice of each dimension that leaves about FULL elements of a tensor that cannot be flattened for free."""
    factor = math.ceil((elements.numel() / FULL) ** (1 / max(1, sum(size > 1 for size in elements.shape))))
    return [slice(None, None, factor if size > 1 else 1) for size in elements.shape]


class _Running:
    """Counts, extremes and moments over chunks, merged as Chan, Golub and LeVeque (1979) do."""

    def __init__(self) -> None:
        self.count = self.zeros = self.nans = self.infs = self.finite = 0
        self.low, self.high = math.inf, -math.inf
        self.mean = self.squares = 0.0

    def add(self, chunk: torch.Tensor) -> None:
        """Take one chunk in."""
        self.count += chunk.numel()
        if chunk.is_floating_point():
            chunk = chunk.double()
            usual = torch.isfinite(chunk)
            if not bool(usual.all()):
                self.nans += int(torch.isnan(chunk).sum())
                self.infs += int(torch.isinf(chunk).sum())
                chunk = chunk[usual]
        if not chunk.numel():
            return
        wide = chunk.double()
        low, high = torch.aminmax(wide)
        mean = wide.mean()
        squares = ((wide - mean) ** 2).sum()
        zeros = (wide == 0).sum()
        values = torch.stack([low, high, mean, squares, zeros.double()]).tolist()  # one transfer from a device
        self._merge(chunk.numel(), values)

    def _merge(self, size: int, values: list[float]) -> None:
        low, high, mean, squares, zeros = values
        self.low, self.high = min(self.low, low), max(self.high, high)
        self.zeros += int(zeros)
        delta, merged = mean - self.mean, self.finite + size
        self.squares += squares + delta * delta * self.finite * size / merged
        self.mean += delta * size / merged
        self.finite = merged

    def stats(self, sampled: bool) -> Stats:
        """What the chunks add up to."""
        some = self.finite > 0
        return Stats(
            count=self.count,
            minimum=self.low if some else None,
            maximum=self.high if some else None,
            mean=self.mean if some else None,
            std=math.sqrt(self.squares / (self.finite - 1)) if self.finite > 1 else None,
            zeros=self.zeros,
            nans=self.nans,
            infs=self.infs,
            sampled=sampled,
        )
