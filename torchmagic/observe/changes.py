"""Which tensors a cell assigned or changed: states before and after, compared; no tensor is kept alive."""

from __future__ import annotations

import weakref
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import torch
from torch.nn.parameter import UninitializedTensorMixin  # type: ignore[attr-defined]

from torchmagic.observe.digests import digest
from torchmagic.observe.names import named_tensors, user_variables
from torchmagic.observe.tensors import is_observable
from torchmagic.observe.values import dtype_text, sizes


class State(NamedTuple):
    """What one named tensor was: enough to tell whether it is another, or was changed in place.

    Attributes:
        tensor: a weak reference to it.
        version: autograd's count of in-place changes; None where there is none (arrays, inference mode).
        shape, dtype, device, requires_grad: as they were.
        grad: identity and version of ``.grad``, None without one.
        leaf: whether it was a leaf.
        digest: of an array's elements, which have no version.
    """

    tensor: weakref.ref[Any]
    version: int | None
    shape: tuple[int, ...]
    dtype: Any
    device: Any
    requires_grad: bool
    grad: tuple[int, int] | None
    leaf: bool
    digest: int | None = None


def states(namespace: Mapping[str, object]) -> dict[str, State]:
    """The state of every tensor and array that the namespace reaches, by name."""
    with torch._C.DisableTorchFunction():
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


def changes(
    before: Mapping[str, State], namespace: Mapping[str, object], now: Iterable[tuple[str, Any]] | None = None
) -> list[tuple[str, Any, str]]:
    """What was assigned or changed since ``before``: name, tensor, and the change in words.

    Args:
        before: from :func:`states`.
        namespace: the user's variables now.
        now: what :func:`reached` gives for them, where that is known already.

    >>> x = torch.ones(2)
    >>> before = states({"x": x})
    >>> _ = x.add_(1)
    >>> [(name, what) for name, _, what in changes(before, {"x": x, "y": x[:1]})]
    [('x', 'in place, version 0 → 1'), ('y', 'new')]
    """
    found = []
    with torch._C.DisableTorchFunction():
        for name, value in reached(namespace) if now is None else now:
            what = _change(before.get(name), value)
            if what:
                found.append((name, value, what))
    return found


def deleted(before: Mapping[str, State], namespace: Mapping[str, object]) -> list[str]:
    """The variables that held a tensor before and are no more.

    >>> deleted(states({"x": torch.ones(1), "d": [torch.ones(1)]}), {"d": []})
    ['x']
    """
    return [name for name in before if name.isidentifier() and name not in namespace]


def _change(old: State | None, value: Any) -> str:
    if old is None:
        return "new"
    same = old.tensor() is value
    if same and _unchanged(old, value):
        return ""
    now = _state(value)
    differences = _differences(old, now)
    if not same:
        return ", ".join(differences) or "assigned anew"
    if now.version is not None and old.version is not None and old.version != now.version:
        differences.append(f"in place, version {old.version} → {now.version}")
    if now.digest != old.digest and not differences:
        differences.append("in place")
    if now.grad != old.grad:
        differences.append("grad cleared" if now.grad is None else "grad set" if old.grad is None else "grad changed")
    return ", ".join(differences)


def _unchanged(old: State, value: Any) -> bool:
    """Whether the same object is as it was: the common case, of which a namespace may hold thousands."""
    if not issubclass(type(value), torch.Tensor):
        return bool(old.shape == value.shape and old.dtype == value.dtype and old.digest == digest(value))
    if old.version is None or old.requires_grad or value.requires_grad:
        return _state(value)[1:] == old[1:]
    return bool(
        value._version == old.version
        and value.dtype is old.dtype
        and value.device == old.device
        and _shape(value) == old.shape
        and (None if value.grad is None else (id(value.grad), value.grad._version)) == old.grad
    )


def _differences(old: State, now: State) -> list[str]:
    found = []
    if old.shape != now.shape:
        found.append(f"{sizes(old.shape)} → {sizes(now.shape)}")
    if old.dtype != now.dtype:
        found.append(f"{_dtype_text(old.dtype)} → {_dtype_text(now.dtype)}")
    if old.device != now.device:
        found.append(f"device {old.device} → {now.device}")
    if old.requires_grad != now.requires_grad:
        found.append("now requires grad" if now.requires_grad else "requires_grad lost")
    return found


def _dtype_text(dtype: Any) -> str:
    return dtype_text(dtype) if isinstance(dtype, torch.dtype) else str(dtype)


def _state(value: Any) -> State:
    if not issubclass(type(value), torch.Tensor):
        return State(
            weakref.ref(value),
            None,
            tuple(value.shape),
            value.dtype,
            getattr(value, "device", "cpu"),
            False,
            None,
            True,
            digest(value),
        )
    leaf = value.is_leaf
    grad = value.grad if leaf else None
    return State(
        weakref.ref(value),
        None if value.is_inference() else value._version,
        _shape(value),
        value.dtype,
        value.device,
        value.requires_grad,
        None if grad is None else (id(grad), grad._version),
        leaf,
    )


def _shape(value: Any) -> tuple[int, ...]:
    if issubclass(type(value), UninitializedTensorMixin):
        return ()
    try:
        return value.shape  # type: ignore[no-any-return]
    except RuntimeError:  # nested tensors of the strided layout have no shape
        return ()


def bytes_of(value: Any) -> int:
    """The bytes of a tensor's or an array's elements; 0 for a kind that has none that can be counted.

    >>> bytes_of(torch.ones(2, 3))
    24
    """
    try:
        with torch._C.DisableTorchFunction():
            return int(value.nbytes)
    except Exception:  # nested, uninitialised and other kinds raise whatever they like
        return 0
