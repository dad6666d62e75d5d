"""Read the numbers of small tensors, and the size of large gradients, without disturbing autograd."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import torch

from torchmagic.observe.quick_records import maker

SMALL = 8
"""Tensors of at most this many elements are kept by value."""

SHOWN = 16
"""Records show tensors of at most this many elements by value."""

_LONGEST = 34
_PLAIN_TYPES = (torch.Tensor, torch.nn.Parameter)
_SPARSE = (torch.sparse_coo, torch.sparse_csr, torch.sparse_csc, torch.sparse_bsr, torch.sparse_bsc)
_AT_ONCE = 1 << 18  # elements
TOGETHER = (torch.float32, torch.float64, torch.complex64, torch.complex128)
_vector_norm = torch.linalg.vector_norm
_is_wrapped = torch._C._functorch.is_functorch_wrapped_tensor
_dispatch_modes = torch._C._len_torch_dispatch_stack
_strided = torch.strided


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
        if self.is_norm:
            return f"norm {number_text(self.norm())}"
        return self.text() or f"norm {number_text(self.norm())}"

    def norm(self) -> float:
        """The 2-norm of the elements."""
        if type(self.data) is float:
            return self.data if self.is_norm else abs(self.data)
        return math.hypot(*(abs(item) for item in _flat(self.items())))

    def number(self) -> float | None:
        """The number itself, for a real tensor of exactly one element."""
        flat = _flat(self.items())
        if self.is_norm or len(flat) != 1 or isinstance(flat[0], complex):
            return None
        return float(flat[0])


_reading = maker(Reading)


def number_text(value: complex | bool) -> str:
    """A number in at most about nine characters, four significant digits.

    >>> number_text(2.0), number_text(0.1 + 0.2), number_text(-123456.0), number_text(1e-9), number_text(True)
    ('2', '0.3', '-123456', '1e-09', 'True')
    """
    if type(value) is not float and isinstance(value, int):
        return str(value)
    if type(value) is not float and isinstance(value, complex) and not isinstance(value, float):
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
        and tensor.layout is _strided
        and not tensor.is_meta
        and not tensor.is_quantized
        and not _is_wrapped(tensor)
        and not _dispatch_modes()  # a mode of the user's would see the reading
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
        stored = _stored(grad)
        if stored is None:
            return None
        with torch.no_grad():
            return _norm(stored)
    if grad.numel() <= SMALL:
        return Reading(_copy(grad))
    if not torch.is_grad_enabled():  # as in every backward pass without create_graph
        return _norm(grad)
    with torch.no_grad():
        return _norm(grad)


def _stored(grad: torch.Tensor) -> torch.Tensor | None:
    """The elements that a sparse or a jagged gradient keeps, as a plain tensor."""
    if _dispatch_modes() or _is_wrapped(grad):
        return None
    if type(grad) is torch.Tensor and grad.layout in _SPARSE:
        with torch.no_grad():
            found = grad.detach()
            return found.coalesce().values() if grad.layout is torch.sparse_coo else found.values()
    if type(grad).__module__.startswith("torch.nested.") and grad.layout is torch.jagged:
        elements = getattr(grad, "_values", None)
        if isinstance(elements, torch.Tensor) and getattr(grad, "_lengths", 0) is None and readable(elements):
            return elements.detach()
    return None


def _norm(tensor: torch.Tensor) -> Reading:
    """The 2-norm, in at least the tensor's precision; of numbers whose squares are no numbers of it, too."""
    dtype = tensor.dtype
    if dtype.itemsize <= (4 if dtype.is_complex else 2):
        dtype = torch.complex64 if dtype.is_complex else torch.float32
    norm: Any = _vector_norm(tensor) if dtype is tensor.dtype else _vector_norm(tensor, dtype=dtype)
    if tensor.device.type != "cpu":
        return Reading(norm, is_norm=True)
    number = norm.item()
    if number == 0 or number == math.inf:  # perhaps only the squares are too small or too large
        number = _norm_of_extremes(tensor)
    return Reading(number, is_norm=True)


def _norm_of_extremes(tensor: torch.Tensor) -> float:
    wide = torch.complex128 if tensor.is_complex() else torch.float64
    if tensor.dtype is not wide:
        return float(_vector_norm(tensor, dtype=wide).item())
    scale = float(_vector_norm(tensor, math.inf).item())
    if scale == 0 or not math.isfinite(scale):
        return scale
    return float(_vector_norm(tensor / scale).item()) * scale


def read_gradients(grads: Sequence[torch.Tensor]) -> list[Reading | None]:
    """What :func:`read_gradient` reads of each, in one go: to be called where no graph is made.

    >>> [reading.brief() for reading in read_gradients([torch.ones(2), torch.ones(100)])]
    ['[1, 1]', 'norm 10']
    """
    found: list[Reading | None] = [None] * len(grads)
    together: dict[torch.dtype, list[int]] = {}
    for number, grad in enumerate(grads):
        if grad.numel() > SMALL and grad.is_cpu and grad.dtype in TOGETHER and readable(grad):
            together.setdefault(grad.dtype, []).append(number)
        else:
            found[number] = read_gradient(grad)
    for numbers in together.values():
        norms = norms_together([grads[number] for number in numbers])
        for number, norm in zip(numbers, norms, strict=True):
            found[number] = _reading(norm, True)
    return found


def norms_together(tensors: list[torch.Tensor]) -> list[float]:
    """The 2-norms of readable tensors of one dtype on the CPU, float32 or wider: where no graph is made.

    >>> norms_together([torch.tensor([3.0, 4.0]), torch.tensor([1e-30])])[0]
    5.0
    """
    norms: list[float] = torch.stack(torch._foreach_norm(tensors)).tolist()
    extreme: dict[torch.Size, list[int]] = {}
    for number, norm in enumerate(norms):
        if norm == 0 or norm == math.inf:  # perhaps only the squares are too small or too large
            extreme.setdefault(tensors[number].shape, []).append(number)
    for numbers in extreme.values():
        together = 1 + _AT_ONCE // tensors[numbers[0]].numel()
        for start in range(0, len(numbers), together):
            chosen = numbers[start : start + together]
            for number, norm in zip(chosen, _norms_of_extremes([tensors[n] for n in chosen]), strict=True):
                norms[number] = norm
    return norms


def _norms_of_extremes(tensors: list[torch.Tensor]) -> list[float]:
    """The norms of tensors of one shape and dtype."""
    wide = torch.complex128 if tensors[0].is_complex() else torch.float64
    if len(tensors) == 1 or tensors[0].dtype is wide:
        return [_norm_of_extremes(tensor) for tensor in tensors]
    norms: list[float] = _vector_norm(torch.stack(tensors).flatten(1).to(wide), dim=1).tolist()
    return norms


@lru_cache(maxsize=4096)
def described(shape: tuple[int, ...], dtype: torch.dtype) -> tuple[tuple[int, ...], str, int | None]:
    """Sizes, name of the dtype and bytes of so many elements (None where a size is not known).

    >>> described((2, 3), torch.float32)
    ((2, 3), 'float32', 24)
    """
    found = sizes(shape)
    return found, dtype_text(dtype), None if -1 in found else math.prod(found) * dtype.itemsize


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
    known = tuple(shape)
    for size in known:
        if type(size) is not int:
            return tuple(size if type(size) is int else -1 for size in known)
    return known
