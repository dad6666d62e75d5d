"""From a tensor or an array to a TensorRecord; nothing about the tensor changes, and no kind of tensor raises."""

from __future__ import annotations

import sys
from typing import Any

import torch
from torch.nn.parameter import UninitializedTensorMixin  # type: ignore[attr-defined]

from torchmagic.observe.statistics import statistics
from torchmagic.observe.values import dtype_text, number_text, sizes, wrapped
from torchmagic.records import Stats, TensorRecord

SMALL = 16
"""Tensors of at most this many elements are shown by value."""

_LONGEST = 90


def is_observable(value: object) -> bool:
    """Whether ``value`` is a tensor or a NumPy array.

    >>> is_observable(torch.ones(1)), is_observable([1.0])
    (True, False)
    """
    return issubclass(type(value), torch.Tensor) or _is_array(value)


def observe_tensor(value: object, name: str, *, stats: bool = True, change: str = "") -> TensorRecord:
    """The record of a tensor or a NumPy array.

    Args:
        value: a ``torch.Tensor`` of any kind, or a ``numpy.ndarray``.
        name: the variable or expression that holds it.
        stats: whether to read the elements.
        change: what changed since before the cell, for display.

    Raises:
        TypeError: ``value`` is neither.

    >>> record = observe_tensor(torch.tensor([1.0, 2.0], requires_grad=True), "w")
    >>> record.shape, record.dtype, record.is_leaf, record.value_text, record.stats.mean
    ((2,), 'float32', True, '[1, 2]', 1.5)
    """
    if _is_array(value):
        return _observe_array(value, name, stats, change)
    if not issubclass(type(value), torch.Tensor):
        raise TypeError(f"{name} is of type {type(value).__name__}, not a tensor")
    with torch.no_grad(), torch._C.DisableTorchFunctionSubclass():
        return _observe_torch(value, name, stats, change)


def _observe_torch(tensor: Any, name: str, stats: bool, change: str) -> TensorRecord:
    facts, troubles = _Facts(tensor), []
    elements, trouble = facts.get("elements", lambda: _elements(tensor), (None, "its elements cannot be read here"))
    read: Stats | None = None
    text: str | None = None
    if elements is not None:
        if stats:
            read = facts.get("stats", lambda: statistics(elements), None)
        text = facts.get("value_text", lambda: _value_text(elements), None)
    elif trouble:
        troubles.append(trouble)
    grad_fn = facts.get("grad_fn", lambda: tensor.grad_fn, None)
    return TensorRecord(
        name=name,
        kind=type(tensor).__name__,
        shape=facts.get("shape", lambda: sizes(tensor.shape), ()),
        dtype=facts.get("dtype", lambda: dtype_text(tensor.dtype), "unknown"),
        device=facts.get("device", lambda: str(tensor.device), "unknown"),
        layout=facts.get("layout", lambda: str(tensor.layout).removeprefix("torch."), "unknown"),
        requires_grad=facts.get("requires_grad", lambda: bool(tensor.requires_grad), False),
        is_leaf=facts.get("is_leaf", lambda: bool(tensor.is_leaf), True),
        grad_fn=type(grad_fn).__name__ if grad_fn is not None else None,
        grad=facts.get("grad", lambda: _grad_text(tensor), None),
        stats=read,
        value_text=text,
        change=change,
        trouble="; ".join([*troubles, *facts.troubles]),
    )


class _Facts:
    """Reads one fact at a time: an exotic tensor lacks some, and those that it has are still shown."""

    def __init__(self, tensor: object) -> None:
        self.tensor = tensor
        self.troubles: list[str] = []

    def get(self, what: str, read: Any, default: Any) -> Any:
        """The fact, or ``default`` and a note of what could not be read."""
        try:
            return read()
        except Exception as error:  # torch's exotic kinds raise anything from NotImplementedError to AssertionError
            lines = str(error).strip().splitlines()
            self.troubles.append(f"no {what}: {lines[0][:80] if lines else type(error).__name__}")
            return default


def _elements(tensor: Any) -> tuple[torch.Tensor | None, str]:
    """A detached dense tensor with the elements, or None and why there is none."""
    if isinstance(tensor, UninitializedTensorMixin):
        return None, "not initialised yet: its shape comes with the first input"
    if wrapped(tensor):
        return None, "stands for a batch inside a torch.func transform"
    if tensor.device.type == "meta" or "FakeTensor" in type(tensor).__name__:
        return None, "has a shape and a dtype, but no elements"
    plain = tensor.detach()
    if type(plain) is not torch.Tensor and not plain.is_nested:
        plain = plain.as_subclass(torch.Tensor)
    if plain.is_nested:
        return plain.values().detach(), ""
    if plain.is_quantized:
        return plain.dequantize(), ""
    if plain.layout == torch.sparse_coo:
        return plain.coalesce().values(), ""
    if plain.layout in (torch.sparse_csr, torch.sparse_csc, torch.sparse_bsr, torch.sparse_bsc):
        return plain.values(), ""
    if plain.layout == torch._mkldnn:  # type: ignore[attr-defined]
        return plain.to_dense(), ""
    return plain.resolve_conj().resolve_neg(), ""


def _value_text(elements: torch.Tensor) -> str | None:
    if not 0 < elements.numel() <= SMALL:
        return None
    text = _items_text(elements.tolist())
    return text if len(text) <= _LONGEST else None


def _items_text(items: Any) -> str:
    if isinstance(items, list):
        return "[" + ", ".join(_items_text(item) for item in items) + "]"
    return number_text(items) if isinstance(items, (int, float, complex)) else str(items)


def _grad_text(tensor: Any) -> str | None:
    if not (tensor.is_leaf or tensor.retains_grad):
        return None  # reading it would warn
    grad = tensor.grad
    if grad is None:
        return None
    elements, _ = _elements(grad)
    text = _value_text(elements) if elements is not None else None
    return text or f"{tuple(grad.shape)} {dtype_text(grad.dtype)}"


def _is_array(value: object) -> bool:
    numpy = sys.modules.get("numpy")
    return numpy is not None and isinstance(value, numpy.ndarray)


def _observe_array(array: Any, name: str, stats: bool, change: str) -> TensorRecord:
    read: Stats | None = None
    text: str | None = None
    trouble = ""
    if array.dtype.kind in "biuf":
        elements = torch.from_numpy(array.astype("float64", copy=True))
        read = statistics(elements) if stats else None
        small = array if array.size <= SMALL else None
        text = _array_text(small) if small is not None and small.size else None
    else:
        trouble = f"no statistics of {array.dtype} elements"
    return TensorRecord(
        name=name,
        kind=type(array).__name__,
        shape=tuple(array.shape),
        dtype=str(array.dtype),
        device="cpu",
        stats=read,
        value_text=text,
        change=change,
        trouble=trouble,
    )


def _array_text(array: Any) -> str | None:
    text = _items_text(array.tolist())
    return text if len(text) <= _LONGEST else None
