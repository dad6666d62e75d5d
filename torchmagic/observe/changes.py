"""Which tensors a cell assigned or changed: states before and after, compared; no tensor is kept alive."""

from __future__ import annotations

import weakref
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch.nn.parameter import UninitializedTensorMixin  # type: ignore[attr-defined]

from torchmagic.observe.names import named_tensors, user_variables
from torchmagic.observe.tensors import is_observable
from torchmagic.observe.values import dtype_text, sizes


@dataclass(frozen=True, slots=True)
class State:
    """What one named tensor was: enough to tell whether it is another, or was changed in place.

    Attributes:
        tensor: a weak reference to it.
        version: autograd's count of in-place changes; None where there is none (arrays, inference mode).
        shape, dtype, requires_grad: as they were.
        grad: identity and version of ``.grad``, None without one.
    """

    tensor: weakref.ref[Any]
    version: int | None
    shape: tuple[int, ...]
    dtype: str
    requires_grad: bool
    grad: tuple[int, int] | None


def states(namespace: Mapping[str, object]) -> dict[str, State]:
    """The state of every tensor and array that the namespace reaches, by name."""
    return {name: _state(value) for name, value in reached(namespace)}


def reached(namespace: Mapping[str, object]) -> list[tuple[str, Any]]:
    """The tensors that the namespace reaches, and the arrays that its variables hold, by name.

    >>> [name for name, _ in reached({"x": torch.ones(1), "n": 3})]
    ['x']
    """
    tensors = named_tensors(namespace)
    known = {name for name, _ in tensors}
    variables = user_variables(namespace)
    return [*tensors, *((name, value) for name, value in variables if name not in known and is_observable(value))]


def changes(before: Mapping[str, State], namespace: Mapping[str, object]) -> list[tuple[str, Any, str]]:
    """What was assigned or changed since ``before``: name, tensor, and the change in words.

    >>> x = torch.ones(2)
    >>> before = states({"x": x})
    >>> _ = x.add_(1)
    >>> [(name, what) for name, _, what in changes(before, {"x": x, "y": x[:1]})]
    [('x', 'changed in place'), ('y', 'new')]
    """
    found = []
    for name, value in reached(namespace):
        what = _change(before.get(name), value)
        if what:
            found.append((name, value, what))
    return found


def _change(old: State | None, value: Any) -> str:
    if old is None:
        return "new"
    now = _state(value)
    differences = _differences(old, now)
    if old.tensor() is not value:
        return ", ".join(differences) or "assigned anew"
    if now.version is not None and old.version != now.version:
        differences.append("changed in place")
    if now.grad != old.grad:
        differences.append("grad cleared" if now.grad is None else "grad set" if old.grad is None else "grad changed")
    return ", ".join(differences)


def _differences(old: State, now: State) -> list[str]:
    found = []
    if old.shape != now.shape:
        found.append(f"shape {old.shape} → {now.shape}")
    if old.dtype != now.dtype:
        found.append(f"{old.dtype} → {now.dtype}")
    if old.requires_grad != now.requires_grad:
        found.append("now requires grad" if now.requires_grad else "no longer requires grad")
    return found


def _state(value: Any) -> State:
    if not issubclass(type(value), torch.Tensor):
        return State(weakref.ref(value), None, tuple(value.shape), str(value.dtype), False, None)
    with torch._C.DisableTorchFunctionSubclass():
        grad = value.grad if value.is_leaf else None
        uninitialised = isinstance(value, UninitializedTensorMixin)
        return State(
            weakref.ref(value),
            None if value.is_inference() else value._version,
            () if uninitialised else _shape(value),
            dtype_text(value.dtype),
            value.requires_grad,
            None if grad is None else (id(grad), grad._version),
        )


def _shape(value: Any) -> tuple[int, ...]:
    try:
        return sizes(value.shape)
    except RuntimeError:  # nested tensors of the strided layout have no shape
        return ()
