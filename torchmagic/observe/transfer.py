"""Bring what was computed on devices to the computer's own memory, all of it in one wait for each device."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import torch

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Reading(Generic[T]):
    """Something that is known once some tensors have arrived.

    Attributes:
        wanted: the tensors, on whatever device; none where all is known already.
        finish: makes the result from their copies in the computer's memory.
    """

    wanted: tuple[torch.Tensor, ...]
    finish: Callable[..., T]


def ready(value: T) -> Reading[T]:
    """A reading that waits for nothing.

    >>> ready(3).finish()
    3
    """
    return Reading((), lambda: value)


def finish_all(readings: Sequence[Reading[Any]]) -> list[Any]:
    """The results, in order, with one transfer from each device at most; the exception itself where one failed.

    >>> finish_all([Reading((torch.ones(2), torch.zeros(1)), lambda a, b: (a.tolist(), b.item())), ready(3)])
    [([1.0, 1.0], 0.0), 3]
    >>> finish_all([Reading((), lambda: 1 / 0), ready(3)])
    [ZeroDivisionError('division by zero'), 3]
    """
    try:
        arrived = iter(fetch([tensor for reading in readings for tensor in reading.wanted]))
    except Exception as error:  # a device that failed before, or that records a graph and may not be waited for
        return [error.with_traceback(None) if reading.wanted else _finished(reading, ()) for reading in readings]
    return [_finished(reading, [next(arrived) for _ in reading.wanted]) for reading in readings]


def _finished(reading: Reading[Any], arrived: Sequence[torch.Tensor]) -> Any:
    try:
        return reading.finish(*arrived)
    except Exception as error:  # what cannot be shown of one tensor must not hide the others
        return error.with_traceback(None)


def fetch(tensors: Sequence[torch.Tensor], home: str = "cpu") -> list[torch.Tensor]:
    """Copies in the computer's memory; those that are there already stay as they are.

    Tensors of a device travel as one row of bytes, so that there is one wait however many they are.

    Args:
        tensors: dense ones.
        home: the kind of device that needs no transfer; a test may name another.
    """
    found: list[torch.Tensor] = list(tensors)
    by_device: dict[torch.device, list[int]] = {}
    for i, tensor in enumerate(tensors):
        if tensor.device.type != home:
            by_device.setdefault(tensor.device, []).append(i)
    for indices in by_device.values():
        parts = [tensors[i].contiguous().view(-1).view(torch.uint8) for i in indices]
        arrived = torch.cat(parts).to("cpu", copy=True)
        for i, piece in zip(indices, arrived.split([part.numel() for part in parts]), strict=True):
            found[i] = piece.clone().view(tensors[i].dtype).view(tensors[i].shape)  # cloned: views need alignment
    return found
