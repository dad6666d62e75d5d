"""The reductions that statistics are made of, by one core or by all: over flat float32 or float64 tensors in memory."""

from __future__ import annotations

from typing import Any

import numpy
import torch

ALONE = 1 << 16
"""Chunks of at most this many elements are left to one core: calling the others together would take longer."""


class OneCore:
    """By NumPy, which never waits for another core.

    >>> OneCore().extremes(torch.tensor([3.0, 1.0]))
    (1.0, 3.0)
    """

    def extremes(self, chunk: torch.Tensor) -> tuple[float, float]:
        """The smallest and the largest; NaN where there is one."""
        array: Any = chunk.numpy()
        with numpy.errstate(all="ignore"):
            return float(numpy.minimum.reduce(array)), float(numpy.maximum.reduce(array))

    def total(self, chunk: torch.Tensor) -> float:
        """The sum."""
        with numpy.errstate(all="ignore"):
            return float(numpy.add.reduce(chunk.numpy()))

    def squares(self, chunk: torch.Tensor) -> float:
        """The sum of squares; by einsum, for dot may call other cores."""
        array: Any = chunk.numpy()
        with numpy.errstate(all="ignore"):
            return float(numpy.einsum("i,i->", array, array))

    def zeros(self, chunk: torch.Tensor, room: torch.Tensor) -> int:
        """How many elements are zero."""
        return int(numpy.count_nonzero(chunk.numpy() == 0))

    def less(self, chunk: torch.Tensor, shift: float, room: torch.Tensor) -> torch.Tensor:
        """The elements less a number, in ``room``."""
        array: Any = chunk.numpy()
        numpy.subtract(array, array.dtype.type(shift), out=room.numpy())
        return room


class AllCores:
    """By torch, on all its threads; the fastest on a computer that has nothing else to do.

    >>> AllCores().total(torch.tensor([3.0, 1.0]))
    4.0
    """

    def extremes(self, chunk: torch.Tensor) -> tuple[float, float]:
        """The smallest and the largest; NaN where there is one."""
        low, high = torch.aminmax(chunk)
        return low.item(), high.item()

    def total(self, chunk: torch.Tensor) -> float:
        """The sum."""
        return chunk.sum().item()

    def squares(self, chunk: torch.Tensor) -> float:
        """The sum of squares."""
        return torch.dot(chunk, chunk).item()

    def zeros(self, chunk: torch.Tensor, room: torch.Tensor) -> int:
        """How many elements are zero: as numbers that are added, for counting truth values is slower."""
        return int(torch.eq(chunk, 0, out=room).sum().item())

    def less(self, chunk: torch.Tensor, shift: float, room: torch.Tensor) -> torch.Tensor:
        """The elements less a number, in ``room``."""
        return torch.sub(chunk, shift, out=room)


_ONE, _ALL = OneCore(), AllCores()


def cores_for(chunk: torch.Tensor) -> OneCore | AllCores:
    """Who reduces a chunk.

    >>> type(cores_for(torch.zeros(10))).__name__
    'OneCore'
    """
    return _ONE if chunk.numel() <= ALONE else _ALL
