"""How much an operation on stand-ins in memory may cost, and which need the elements themselves."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import torch
from torch import nn

from torchmagic.observe.errors.words import broadcast_shape

_MOST_RESULTS = 10_000_000


_MOST_WORK = 2_000_000_000


class Unknown(Exception):
    """A value that cannot be had without running the user's code or reading elements."""


def tensors_in(values: Sequence[Any]) -> Iterator[torch.Tensor]:
    """The tensors among values and in their lists, tuples and dicts."""
    for value in values:
        kind = type(value)
        if issubclass(kind, torch.Tensor):
            yield value
        elif issubclass(kind, (list, tuple)):
            yield from tensors_in(list(value))
        elif kind is dict:
            yield from tensors_in(list(value.values()))


_VIEWS = frozenset({"view", "reshape", "expand", "permute", "transpose", "unflatten", "narrow", "broadcast_to", "to"})


_BY_ELEMENTS = frozenset(
    {"nonzero", "masked_select", "unique", "unique_consecutive", "argwhere", "bincount", "repeat_interleave", "one_hot"}
)


def demand_little_work(function: Any, name: str, given: Sequence[Any], named: Mapping[str, Any]) -> None:
    """Leave to the meta device what would take time or memory, and what depends on the elements."""
    every = [*given, *named.values()]
    found = sorted(tensors_in(every), key=torch.Tensor.numel)
    if name in _BY_ELEMENTS or (name == "where" and len(given) == 1):
        raise Unknown("the elements")
    if name in ("getitem", "setitem"):
        indices = list(tensors_in([given[1] if isinstance(given[1], tuple) else (given[1],)]))
        if any(each.dtype in (torch.bool, torch.uint8) and each.dim() for each in indices):
            raise Unknown("the elements")
    numbers = [] if name in _VIEWS or isinstance(function, nn.Module) else list(_integers(every))
    largest = found[-1].numel() if found else 1
    if numbers and math.prod(max(abs(each), 1) for each in numbers) * max(largest, 1) > _MOST_RESULTS:
        raise Unknown("a large result")
    if len(found) > 1:
        together = broadcast_shape(*(each.shape for each in found))
        results = largest if together is None else math.prod(together)
        work = found[-1].numel() * found[-2].numel() // max(found[-2].shape[-1] if found[-2].dim() else 1, 1)
        if results > _MOST_RESULTS or work > _MOST_WORK:
            raise Unknown("much work")


def _integers(values: Sequence[Any]) -> Iterator[int]:
    for value in values:
        if type(value) is int:
            yield value
        elif type(value) in (list, tuple, torch.Size):
            yield from _integers(value)


_ELEMENTS = ("meta tensor", "meta device", "data-dependent", "'Meta'", "Meta backend", "aten::", "item()", "nonzero")


def is_about_elements(text: str) -> bool:
    return any(word in text for word in _ELEMENTS)
