"""Walk over the elements of a tensor of any strides, a cache's worth at a time and in no promised order."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy
import torch

CHUNK = 1 << 19
"""Elements read at a time: they fit the cache, so that several reductions cost little more than one."""


def unexpanded(elements: torch.Tensor) -> tuple[torch.Tensor, int]:
    """The tensor without repetition by ``expand``, and how often each of its elements counts.

    >>> one, times = unexpanded(torch.ones(3, 1).expand(3, 1000))
    >>> tuple(one.shape), times
    ((3, 1), 1000)
    """
    times = 1
    for dim, (size, stride) in enumerate(zip(elements.shape, elements.stride(), strict=True)):
        if stride == 0 and size > 1:
            elements, times = elements.narrow(dim, 0, 1), times * size
    return elements, times


def in_memory_order(elements: torch.Tensor) -> torch.Tensor:
    """The same elements, flat where that takes no copy, else with dimensions ordered as they lie in memory."""
    if elements.is_contiguous():
        return elements.view(-1)
    strides = elements.stride()
    ordered = elements.permute(sorted(range(elements.dim()), key=lambda dim: -strides[dim]))
    return ordered.view(-1) if ordered.is_contiguous() else ordered


def blocks(elements: torch.Tensor, most: int | None = None) -> Iterator[torch.Tensor]:
    """Parts of the tensor, of at most ``most`` elements each, that make up the whole.

    >>> [tuple(block.shape) for block in blocks(torch.ones(5, 4), most=8)]
    [(2, 4), (2, 4), (1, 4)]
    """
    most = most or CHUNK
    if elements.numel() <= most:
        if elements.numel():
            yield elements
        return
    inner = math.prod(elements.shape[1:])
    if inner <= most:
        yield from elements.split(most // inner)
        return
    for part in elements.unbind():
        yield from blocks(in_memory_order(part), most)


def finite_only(flat: torch.Tensor) -> tuple[torch.Tensor, int]:
    """A copy without NaN and infinities, and how many NaN there were; by NumPy, which is several times faster at it.

    >>> finite_only(torch.tensor([1.0, float("nan"), float("inf")]))
    (tensor([1.]), 1)
    """
    array = flat.numpy()
    nans = int(numpy.count_nonzero(numpy.isnan(array)))
    return torch.from_numpy(numpy.compress(numpy.isfinite(array), array)), nans


class Reader:
    """Gives blocks as flat float32 or float64 tensors, through one buffer where they have to be converted.

    Args:
        dtype: of the elements to come.
        most: elements of the largest block.
    """

    def __init__(self, dtype: torch.dtype, most: int) -> None:
        self.dtype = dtype if dtype in (torch.float32, torch.float64) else _wide(dtype)
        self.as_is = dtype == self.dtype
        self._most = most
        self._buffer: torch.Tensor | None = None
        self._spare: torch.Tensor | None = None

    def flat(self, block: torch.Tensor) -> torch.Tensor:
        """The block's elements; valid until the next call."""
        if self.as_is and block.is_contiguous():
            return block.view(-1)
        if self._buffer is None:
            self._buffer = torch.empty(self._most, dtype=self.dtype, device=block.device)
        flat = self._buffer[: block.numel()]
        flat.view(block.shape).copy_(block)
        return flat

    def spare(self, size: int) -> torch.Tensor:
        """Room for that many results of the same dtype."""
        if self._spare is None:
            self._spare = torch.empty(self._most, dtype=self.dtype)
        return self._spare if size == self._most else self._spare[:size]


def _wide(dtype: torch.dtype) -> torch.dtype:
    """The dtype that holds every element (of up to 53 bits) exactly."""
    return torch.float32 if dtype.itemsize <= (2 if not dtype.is_complex else 0) else torch.float64
