"""From tensors and arrays to TensorRecords; nothing about them changes, and no kind of tensor raises."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import torch
from torch.nn.parameter import UninitializedTensorMixin  # type: ignore[attr-defined]

from torchmagic.observe.arrays import is_array, launch_array
from torchmagic.observe.device_statistics import launch_summary
from torchmagic.observe.elements import WHOLE_BATCH, Elements, elements_of, parts_to_show
from torchmagic.observe.pictures import launch_picture
from torchmagic.observe.pieces import unexpanded
from torchmagic.observe.quiet import Quiet
from torchmagic.observe.sharing import sharing
from torchmagic.observe.statistics import summarize
from torchmagic.observe.transfer import Reading, finish_all, ready
from torchmagic.observe.values import SHOWN, dtype_text, first_line, items_text, sizes
from torchmagic.records import TensorRecord

_BASE: Any = torch._C.TensorBase
_Fields = dict[str, Any]


def is_observable(value: object) -> bool:
    """Whether ``value`` is a tensor, or an array of NumPy, JAX or TensorFlow.

    >>> is_observable(torch.ones(1)), is_observable([1.0])
    (True, False)
    """
    return issubclass(type(value), torch.Tensor) or is_array(value)


def observe_tensor(
    value: object, name: str, *, stats: bool = True, plot: bool = True, change: str = ""
) -> TensorRecord:
    """The record of a tensor or an array.

    Args:
        value: a ``torch.Tensor`` of any kind, or an array of NumPy, JAX or TensorFlow.
        name: the variable or expression that holds it.
        stats: whether to read all elements.
        plot: whether to make a histogram and a picture of them.
        change: what changed since before the cell, for display.

    Raises:
        TypeError: ``value`` is neither.

    >>> record = observe_tensor(torch.tensor([1.0, 2.0], requires_grad=True), "w")
    >>> record.shape, record.dtype, record.is_leaf, record.value_text, record.stats.mean
    ((2,), 'float32', True, '[1, 2]', 1.5)
    """
    return observe_many([(name, value, change)], stats=stats, plot=plot)[0]


def observe_many(
    found: Sequence[tuple[str, object, str]],
    *,
    stats: bool = True,
    plot: bool = True,
    others: Iterable[tuple[str, object]] = (),
) -> tuple[TensorRecord, ...]:
    """The records of tensors and arrays given as (name, value, change), with one wait for a device at most.

    Args:
        found: what to observe.
        stats, plot: as in :func:`observe_tensor`.
        others: further names that may share storage with those in ``found``.

    Raises:
        TypeError: one of them is neither tensor nor array.

    >>> x = torch.zeros(2, 2)
    >>> [record.shares for record in observe_many([("x", x, ""), ("row", x[0], "")])]
    [('row',), ('x',)]
    """
    with Quiet():
        drafts = [_draft(value, name, stats, plot, change) for name, value, change in found]
        finished = finish_all([reading for _, readings in drafts for reading in readings])
        pairs = [*((name, value) for name, value, _ in found), *others]
        shared: Mapping[str, tuple[str, ...]] = sharing(pairs) if len(pairs) > 1 else {}
    records, parts = [], iter(finished)
    for fields, readings in drafts:
        for part in itertools.islice(parts, len(readings)):
            if isinstance(part, Exception):
                fields["trouble"] = "; ".join(filter(None, [fields["trouble"], f"not read: {first_line(part)}"]))
            else:
                fields.update(part)
        records.append(TensorRecord(**fields, shares=shared.get(fields["name"], ())))
    return tuple(records)


def _draft(value: Any, name: str, stats: bool, plot: bool, change: str) -> tuple[_Fields, list[Reading[_Fields]]]:
    """The facts that are known at once, and readings of the others."""
    if issubclass(type(value), torch.Tensor):
        return _draft_torch(value, {"name": name, "change": change}, stats, plot)
    if is_array(value):
        return launch_array(value, {"name": name, "change": change}, stats, plot)
    raise TypeError(f"{name} is of type {type(value).__name__}, not a tensor")


def _draft_torch(tensor: Any, fields: _Fields, stats: bool, plot: bool) -> tuple[_Fields, list[Reading[_Fields]]]:
    facts = _Facts()
    elements: Elements = facts.get("elements", lambda: elements_of(tensor), Elements(None))
    layout = facts.get("layout", lambda: _BASE.layout.__get__(tensor), None)
    strided = layout is torch.strided and not issubclass(type(tensor), UninitializedTensorMixin)
    grad_fn = facts.get("grad_fn", lambda: _BASE.grad_fn.__get__(tensor), None)
    fields.update(
        kind=type(tensor).__name__,
        shape=facts.get("shape", lambda: _shape(tensor), ()),
        dtype=facts.get("dtype", lambda: dtype_text(_BASE.dtype.__get__(tensor)), "unknown"),
        device=facts.get("device", lambda: str(_BASE.device.__get__(tensor)), "unknown"),
        layout="unknown" if layout is None else str(layout).removeprefix("torch."),
        requires_grad=facts.get("requires_grad", lambda: bool(_BASE.requires_grad.__get__(tensor)), False),
        is_leaf=facts.get("is_leaf", lambda: bool(_BASE.is_leaf.__get__(tensor)), True),
        grad_fn=type(grad_fn).__name__ if grad_fn is not None else None,
        nbytes=facts.quietly(lambda: _nbytes(tensor)),
        strides=facts.quietly(lambda: sizes(_BASE.stride(tensor))) if strided else None,
        contiguous=facts.quietly(lambda: _contiguous(tensor)) if strided else None,
        is_view=bool(facts.quietly(lambda: _BASE._is_view(tensor))),
        version=facts.quietly(lambda: None if _BASE.is_inference(tensor) else int(_BASE._version.__get__(tensor))),
    )
    del grad_fn
    launched = [
        facts.get("grad", lambda: _grad(tensor), None),
        *_launch_elements(tensor, elements, fields, facts, stats, plot),
    ]
    fields["trouble"] = "; ".join(filter(None, [elements.trouble, *facts.troubles]))
    return fields, [reading for reading in launched if reading is not None]


def _launch_elements(
    tensor: Any, elements: Elements, fields: _Fields, facts: _Facts, stats: bool, plot: bool
) -> list[Reading[_Fields] | None]:
    """Readings of the statistics, the histogram, the picture and the text of the elements."""
    data = elements.data
    if data is None:
        return []
    small = data.numel() <= SHOWN and math.prod(fields["shape"]) <= SHOWN and elements.of != WHOLE_BATCH
    launched: list[Reading[_Fields] | None] = []
    if stats:
        launched.append(facts.get("stats", lambda: launch_stats(data, plot=plot and not small, of=elements.of), None))
    if small:
        launched.append(facts.get("value_text", lambda: _launch_text(tensor, data), None))
    elif plot and tuple(data.shape) == fields["shape"]:
        picture = facts.get("picture", lambda: launch_picture(data), None)
        if picture is not None:
            launched.append(Reading(picture.wanted, lambda pixels: {"picture": picture.finish(pixels)}))
    return launched


def launch_stats(data: torch.Tensor, *, plot: bool, of: str) -> Reading[_Fields]:
    """The fields ``stats`` and ``histogram``: read at once where the elements are in the computer's memory."""
    if data.device.type == "cpu":
        read, histogram = summarize(data, plot=plot, of=of)
        return ready({"stats": read, "histogram": histogram})
    launched = launch_summary(data, plot=plot, of=of)

    def finish(*arrived: torch.Tensor) -> _Fields:
        read, histogram = launched.finish(*arrived)
        return {"stats": read, "histogram": histogram}

    return Reading(launched.wanted, finish)


def _launch_text(tensor: Any, data: torch.Tensor) -> Reading[_Fields] | None:
    """The field ``value_text`` of a small tensor."""
    parts, nested = parts_to_show(tensor, data), _BASE.is_nested.__get__(tensor)
    if not parts or not data.numel():
        return None

    def finish(*arrived: torch.Tensor) -> _Fields:
        texts = [items_text(part.tolist()) for part in arrived]
        return {"value_text": f"[{', '.join(texts)}]" if nested else texts[0]}

    return Reading(parts, finish)


class _Facts:
    """Reads one fact at a time: an exotic tensor lacks some, and those that it has are still shown."""

    def __init__(self) -> None:
        self.troubles: list[str] = []

    def get(self, what: str, read: Callable[[], Any], default: Any) -> Any:
        """The fact, or ``default`` and a note of what could not be read."""
        try:
            return read()
        except Exception as error:  # torch's exotic kinds raise anything from NotImplementedError to AssertionError
            self.troubles.append(f"no {what}: {first_line(error)}")
            return default

    def quietly(self, read: Callable[[], Any]) -> Any:
        """The fact, or None where this kind of tensor has none."""
        try:
            return read()
        except Exception:
            return None


def _shape(tensor: Any) -> tuple[int, ...]:
    if issubclass(type(tensor), UninitializedTensorMixin):
        return ()
    if _BASE.is_nested.__get__(tensor) and _BASE.layout.__get__(tensor) is torch.strided:
        parts = tensor._nested_tensor_size()  # (number of parts, dimensions of each)
        if parts.dim() < 2:
            return (0,)
        rows = parts.tolist()
        columns = list(zip(*rows, strict=True))
        return (len(rows), *(column[0] if len(set(column)) == 1 else -1 for column in columns))
    return sizes(_BASE.shape.__get__(tensor))


def _nbytes(tensor: Any) -> int | None:
    if issubclass(type(tensor), UninitializedTensorMixin):
        return None
    layout = _BASE.layout.__get__(tensor)
    parts: tuple[Any, ...] = (tensor,)
    if layout is torch.sparse_coo:
        parts = (tensor._indices(), tensor._values())
    elif layout in (torch.sparse_csr, torch.sparse_bsr):
        parts = (tensor.crow_indices(), tensor.col_indices(), tensor.values())
    elif layout in (torch.sparse_csc, torch.sparse_bsc):
        parts = (tensor.ccol_indices(), tensor.row_indices(), tensor.values())
    elif layout is torch.jagged:
        parts = (tensor.values(), tensor.offsets())
    counts = [_BASE.numel(part) for part in parts]
    if any(type(count) is not int for count in counts):
        return None
    return sum(int(count) * int(_BASE.element_size(part)) for count, part in zip(counts, parts, strict=True))


def _contiguous(tensor: Any) -> bool | None:
    """None where sizes are symbols: to ask would make whoever traces decide on them."""
    return bool(_BASE.is_contiguous(tensor)) if -1 not in sizes(_BASE.shape.__get__(tensor)) else None


def _grad(tensor: Any) -> Reading[_Fields] | None:
    """The fields ``grad`` and ``grad_norm``."""
    if not (_BASE.is_leaf.__get__(tensor) or _BASE.retains_grad.__get__(tensor)):
        return None  # reading it would warn
    grad = _BASE.grad.__get__(tensor)
    if grad is None:
        return None
    text = f"{_shape(grad)} {dtype_text(_BASE.dtype.__get__(grad))}"
    data = elements_of(grad).data
    if data is None:
        return ready({"grad": text})
    small = 0 < data.numel() <= SHOWN
    norm = _norm(data)
    if not small:
        return Reading((norm,), lambda number: {"grad": text, "grad_norm": number.item()})
    return Reading((norm, data), lambda number, all_: {"grad": items_text(all_.tolist()), "grad_norm": number.item()})


def _norm(data: torch.Tensor) -> Any:
    data, times = unexpanded(data)  # the gradient of a sum is one number, repeated
    return _norm_of_all(data) * math.sqrt(times)


def _norm_of_all(data: torch.Tensor) -> Any:
    if data.dtype.itemsize < 4 and data.is_floating_point():
        return torch.linalg.vector_norm(data.float() if data.dtype.itemsize < 2 else data, dtype=torch.float32)
    norm = torch.linalg.vector_norm(data)
    if data.device.type == "cpu" and not math.isfinite(norm.item()):  # squares that overflow
        norm = torch.linalg.vector_norm(data.to(torch.complex128 if data.is_complex() else torch.float64))
    return norm
