"""Demand a tensor: its shape, dtype, device, layout, place in the graph, and its values, with a diagnosis."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch

from graders.answers import as_tensor, elements
from graders.compare import compare_values, explained
from graders.dims import Dims, Shape
from graders.failure import CheckFailed
from torchmagic.observe.tensors import observe_tensor

#: Kinds of dtype that a check may ask for in place of one of them.
KINDS: Mapping[str, Callable[[torch.dtype], bool]] = {
    "float": lambda dtype: dtype.is_floating_point,
    "complex": lambda dtype: dtype.is_complex,
    "bool": lambda dtype: dtype is torch.bool,
    "int": lambda dtype: not (dtype.is_floating_point or dtype.is_complex or dtype is torch.bool),
}
#: What a check takes for a dtype.
Dtype = torch.dtype | str
_WORDS = {"float": "floating-point", "complex": "complex", "bool": "boolean", "int": "integer"}


def check_tensor(
    value: object,
    name: str,
    shape: Shape | None = None,
    dtype: Dtype | None = None,
    device: str | torch.device | None = None,
    requires_grad: bool | None = None,
    *,
    leaf: bool | None = None,
    layout: torch.layout | None = None,
    values: object = None,
    rtol: float | None = None,
    atol: float | None = None,
    finite: bool = False,
    dims: Dims | None = None,
    inputs: Mapping[str, Any] | None = None,
) -> None:
    """Demand that ``value`` is a tensor with the given properties; what is None is not asked.

    Args:
        name: what the student calls it, for the message.
        shape: sizes with None for any, or text: ``"batch 3"`` (a name fits any size, and the same one wherever else it
            stands), ``"_ 3"`` (any size), ``"*rest 2"`` and ``"... 2"`` (any number of dims).
        dtype: a torch.dtype, or a kind of them: ``"float"``, ``"int"``, ``"bool"`` or ``"complex"``.
        device, requires_grad, leaf, layout: as torch names them.
        values: the expected elements (a tensor, a list or a number), compared within ``rtol`` and ``atol`` (by
            default those of ``torch.testing.assert_close`` for the dtype). NaN never passes.
        finite: whether NaN and infinities are refused.
        dims: binds names in ``shape`` across several checks.
        inputs: what the answer was computed from, by name: where a misconception about them gives the wrong values
            exactly, the message names it.

    Raises:
        CheckFailed: with everything that is not as asked, expected and got.
        ValueError: ``shape`` or ``dtype`` asks for what there is not (the instructor's mistake).

    >>> check_tensor(torch.ones(3), "y", shape=(3, 1), dtype=torch.float32)
    Traceback (most recent call last):
    ...
    graders.failure.CheckFailed: `y` has shape (3,), expected (3, 1)
    >>> dims = Dims()
    >>> check_tensor(torch.ones(4, 3), "x", "batch features", "float", dims=dims)
    >>> check_tensor(torch.ones(3), "y", "batch", dims=dims)
    Traceback (most recent call last):
    ...
    graders.failure.CheckFailed: `y` has shape (3,), expected (batch = 4,)
    """
    _known_kind(dtype)
    tensor = as_tensor(value, name)
    record = observe_tensor(value, name, stats=False)
    found: list[str] = []
    if shape is not None:
        found.append((Dims() if dims is None else dims).problem(shape, record.shape))
    found += [
        dtype_problem(tensor.dtype, dtype),
        _fact("device", record.device, None if device is None else _device(device, record.device)),
        _fact("layout", record.layout, None if layout is None else str(layout).removeprefix("torch.")),
        _flag(record.requires_grad, requires_grad, "requires gradients", "does not require gradients"),
        _flag(record.is_leaf, leaf, "is a leaf", f"is not a leaf ({record.grad_fn} computed it)"),
    ]
    problems = [f"`{name}` {problem}" for problem in found if problem]
    if problems:
        if values is not None and shape is not None and found[0]:
            raise explained("; ".join(problems), tensor, values, name, inputs)
        raise CheckFailed("; ".join(problems))
    if finite:
        _demand_finite(tensor, name)
    if values is not None:
        compare_values(tensor, values, name, rtol=rtol, atol=atol, inputs=inputs)


def dtype_problem(got: torch.dtype, wanted: Dtype | None) -> str:
    """Why a dtype is not as wanted, or "".

    >>> dtype_problem(torch.int64, "float"), dtype_problem(torch.int64, torch.int64)
    ('has dtype int64, expected a floating-point one such as float32', '')
    """
    text = str(got).removeprefix("torch.")
    if isinstance(wanted, str):
        if KINDS[wanted](got):
            return ""
        example = {"float": " such as float32", "int": " such as int64", "bool": "", "complex": ""}[wanted]
        return f"has dtype {text}, expected {'an' if wanted == 'int' else 'a'} {_WORDS[wanted]} one{example}"
    return "" if wanted in (None, got) else f"has dtype {text}, expected {str(wanted).removeprefix('torch.')}"


def _known_kind(dtype: Dtype | None) -> None:
    if isinstance(dtype, str) and dtype not in KINDS:
        raise ValueError(f"there is no kind of dtype called {dtype!r}: it is one of {', '.join(KINDS)}")


def _fact(what: str, got: str, wanted: str | None) -> str:
    return "" if wanted is None or got == wanted else f"has {what} {got}, expected {wanted}"


def _flag(got: bool, wanted: bool | None, yes: str, no: str) -> str:
    if wanted is None or got == wanted:
        return ""
    return f"{no}, and it should" if wanted else f"{yes}, and it should not"


def _device(wanted: str | torch.device, got: str) -> str:
    device = str(torch.device(wanted))
    return got if got.split(":")[0] == device else device  # "cuda" without an index means any


def _demand_finite(tensor: torch.Tensor, name: str) -> None:
    found = elements(tensor, name)
    if not (found.is_floating_point() or found.is_complex()):
        return
    nans, all_ = int(found.isnan().sum()), int((~found.isfinite()).sum())
    if all_:
        parts = [f"{count} {what}" for count, what in ((nans, "NaN"), (all_ - nans, "infinite")) if count]
        raise CheckFailed(f"`{name}` should hold finite numbers, but of {found.numel()} values {' and '.join(parts)}")
