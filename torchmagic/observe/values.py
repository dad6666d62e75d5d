"""Read the numbers of small tensors, and the size of large gradients, without disturbing autograd."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch

SMALL = 8
"""Tensors of at most this many elements are kept by value."""

SHOWN = 16
"""Records show tensors of at most this many elements by value."""

_LONGEST = 34
_PLAIN_TYPES = (torch.Tensor, torch.nn.Parameter)


@dataclass(frozen=True, slots=True)
class Reading:
    """What was read of a tensor: its elements when small, else its 2-norm.

    Attributes:
        data: the elements as (nested lists of) Python numbers, or a detached copy of them on another device, which is
            fetched when it is needed and not while the cell runs.
        is_norm: True when ``data`` is the 2-norm and not the elements.
    """

    data: Any
    is_norm: bool = False

    def items(self) -> Any:
        """The elements as (nested lists of) Python numbers; the norm, where that is what was read."""
        return self.data.tolist() if isinstance(self.data, torch.Tensor) else self.data

    def text(self) -> str | None:
        """The reading in a few characters, or None where the elements do not fit in a label."""
        if self.is_norm:
            return f"norm {number_text(self.norm())}"
        text = items_text(self.items())
        return text if len(text) <= _LONGEST else None

    def brief(self) -> str:
        """The elements where they fit in a label, else their 2-norm."""
        return self.text() or f"norm {number_text(self.norm())}"

    def norm(self) -> float:
        """The 2-norm of the elements."""
        return math.hypot(*(abs(item) for item in _flat(self.items())))

    def number(self) -> float | None:
        """The number itself, for a real tensor of exactly one element."""
        flat = _flat(self.items())
        if self.is_norm or len(flat) != 1 or isinstance(flat[0], complex):
            return None
        return float(flat[0])


def number_text(value: complex | bool) -> str:
    """A number in at most about nine characters, four significant digits.

    >>> number_text(2.0), number_text(0.1 + 0.2), number_text(-123456.0), number_text(1e-9), number_text(True)
    ('2', '0.3', '-123456', '1e-09', 'True')
    """
    if isinstance(value, int):
        return str(value)
    if isinstance(value, complex) and not isinstance(value, float):
        sign = "-" if math.copysign(1, value.imag) < 0 else "+"
        return f"{number_text(value.real)}{sign}{number_text(abs(value.imag))}j"
    if value == 0:
        return "0"
    if 1e4 <= abs(value) < 1e6:
        return f"{value:.0f}"
    return f"{value:.4g}"


def constant_text(value: float) -> str:
    """A number as the user would have written it, six significant digits.

    >>> constant_text(2.0), constant_text(1.0001)
    ('2', '1.0001')
    """
    return str(value) if isinstance(value, int) else f"{value:.6g}"


def items_text(items: Any) -> str:
    """Nested lists of numbers as text.

    >>> items_text([[1.0, 0.25], [-3.0, 4.0]])
    '[[1, 0.25], [-3, 4]]'
    """
    if isinstance(items, list):
        return "[" + ", ".join(items_text(item) for item in items) + "]"
    return number_text(items) if isinstance(items, (int, float, complex)) else str(items)


def readable(tensor: torch.Tensor) -> bool:
    """Whether the elements can be copied out: a plain dense tensor with real memory, outside transforms."""
    return (
        type(tensor) in _PLAIN_TYPES
        and tensor.layout is torch.strided
        and tensor.device.type != "meta"
        and not tensor.is_quantized
        and not wrapped(tensor)
        and not torch._C._len_torch_dispatch_stack()  # a mode of the user's would see the reading
    )


def wrapped(tensor: torch.Tensor) -> bool:
    """Whether the tensor stands for others inside a transform of ``torch.func`` (vmap, grad, …)."""
    return torch._C._functorch.is_functorch_wrapped_tensor(tensor)


def read_small(tensor: torch.Tensor) -> Reading | None:
    """The elements of a small readable tensor, copied; None for others. Changes nothing of the tensor."""
    if tensor.numel() > SMALL or not readable(tensor):
        return None
    return Reading(_copy(tensor))


def read_gradient(grad: torch.Tensor) -> Reading | None:
    """A small gradient's elements or a large one's 2-norm; None where neither can be read."""
    if not readable(grad):
        if type(grad) is not torch.Tensor or grad.layout is not torch.sparse_coo:
            return None
        if torch._C._len_torch_dispatch_stack():
            return None
        with torch.no_grad():
            return Reading(torch.linalg.vector_norm(grad.detach().coalesce().values()), is_norm=True)
    if grad.numel() <= SMALL:
        return Reading(_copy(grad))
    if not torch.is_grad_enabled():  # as in every backward pass without create_graph
        return Reading(torch.linalg.vector_norm(grad), is_norm=True)
    with torch.no_grad():
        return Reading(torch.linalg.vector_norm(grad), is_norm=True)


def _copy(tensor: torch.Tensor) -> Any:
    # On the CPU reading is immediate; elsewhere it would make the cell wait for the device.
    return tensor.tolist() if tensor.device.type == "cpu" else tensor.detach().clone()


def _flat(items: Any) -> list[Any]:
    return [number for item in items for number in _flat(item)] if isinstance(items, list) else [items]


def first_line(error: Exception) -> str:
    """What an exception says, in one short line.

    >>> first_line(ValueError("one\\ntwo")), first_line(ValueError())
    ('one', 'ValueError')
    """
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:80]


def dtype_text(dtype: torch.dtype) -> str:
    """A dtype as torch prints it, without the ``torch.`` prefix."""
    return str(dtype).removeprefix("torch.")


def sizes(shape: Sequence[Any]) -> tuple[int, ...]:
    """A shape as plain integers; a symbolic or ragged size becomes -1."""
    return tuple(size if type(size) is int else -1 for size in shape)
