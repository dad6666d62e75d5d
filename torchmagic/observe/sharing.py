"""Which names hold the same memory: views, tensors made from NumPy arrays, tied parameters."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import Any

import torch

_BASE: Any = torch._C.TensorBase
_Stretch = tuple[str, int, int]  # device, first byte, byte after the last


def sharing(pairs: Iterable[tuple[str, object]]) -> dict[str, tuple[str, ...]]:
    """For each name whose tensor or array shares memory with others: those others, in the order given.

    Args:
        pairs: names with their tensors and arrays.

    >>> x = torch.zeros(4)
    >>> sharing([("x", x), ("y", x.view(2, 2)), ("z", torch.zeros(4))])
    {'x': ('y',), 'y': ('x',)}
    """
    stretches = [(stretch, name) for name, value in pairs for stretch in _stretches(value)]
    order = {name: i for i, (_, name) in enumerate(stretches)}
    partners: dict[str, set[str]] = {}
    group: list[str] = []
    device, end = "", -1
    for (where, first, last), name in sorted(stretches):
        if where != device or first >= end:
            _meet(group, partners)
            group, device, end = [], where, last
        group.append(name)
        end = max(end, last)
    _meet(group, partners)
    return {
        name: tuple(sorted(partners[name] - {name}, key=order.__getitem__))
        for name in order
        if len(partners.get(name, ())) > 1
    }


def _meet(group: list[str], partners: dict[str, set[str]]) -> None:
    for name in group:
        partners.setdefault(name, set()).update(group)


def _stretches(value: Any) -> list[_Stretch]:
    """The memory that a tensor's storages or an array's owner take; none where that is not known."""
    numpy = sys.modules.get("numpy")
    if numpy is not None and issubclass(type(value), numpy.ndarray):
        return _of_array(value, numpy.ndarray)
    if not issubclass(type(value), torch.Tensor):
        return []
    try:
        return [stretch for part in _parts(value) for stretch in _of_storage(part)]
    except (RuntimeError, NotImplementedError, AttributeError):  # kinds that have no storage
        return []


def _parts(tensor: Any) -> list[Any]:
    while torch._C._functorch.is_functorch_wrapped_tensor(tensor):
        tensor = torch._C._functorch.get_unwrapped(tensor)
    layout = _BASE.layout.__get__(tensor)
    return [tensor._values()] if layout is torch.sparse_coo else [tensor]


def _of_storage(tensor: Any) -> list[_Stretch]:
    storage = _BASE.untyped_storage(tensor)
    size, device = storage.nbytes(), str(storage.device)
    start = 0 if device == "meta" or not size else storage.data_ptr()
    if not start:  # no memory yet: the storage is known by itself
        return [(f"{device} storage", storage._cdata, storage._cdata + 1)]
    return [(device, start, start + size)]


def _of_array(array: Any, kind: Any) -> list[_Stretch]:
    """The memory of the array that owns it."""
    owner = array
    while issubclass(type(base := kind.base.__get__(owner)), kind):
        owner = base
    if not kind.nbytes.__get__(owner):
        return []
    interface = kind.__array_interface__.__get__(owner)
    start, strides, shape = interface["data"][0], kind.strides.__get__(owner), interface["shape"]
    spans = [stride * (size - 1) for stride, size in zip(strides, shape, strict=True)]
    low = start + sum(span for span in spans if span < 0)
    high = start + sum(span for span in spans if span > 0) + kind.itemsize.__get__(owner)
    return [("cpu", low, high)]
