"""What a student predicts of tensors before they are made: a dtype, a shape, one of some choices."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import torch

from graders.answers import is_a, sizes
from graders.failure import CheckFailed, describe

_KINDS = ("bool", "whole numbers", "floating-point numbers", "complex numbers")


def check_all_there(predicted: Any, names: Iterable[str], name: str) -> None:
    """Demand a dict that holds something for each of ``names``.

    Raises:
        CheckFailed: it is no dict, or lacks some.

    >>> check_all_there({"a": 1}, "ab", "predicted")
    Traceback (most recent call last):
    ...
    graders.failure.CheckFailed: `predicted` has nothing for 'b' yet
    """
    if not is_a(predicted, dict):
        raise CheckFailed(f"`{name}` should be a dict, but it is {describe(predicted)}")
    lacking = [repr(key) for key in names if key not in predicted]
    if lacking:
        raise CheckFailed(f"`{name}` has nothing for {', '.join(lacking)} yet")


def check_dtype(predicted: Any, tensor: torch.Tensor, name: str) -> None:
    """Demand that ``predicted`` is the tensor's dtype, as ``torch.int64`` or as text such as "int64".

    Raises:
        CheckFailed: it is none, or another one; the message says whether the kind of number is right.

    >>> check_dtype("torch.int64", torch.tensor([1]), "a")
    >>> check_dtype(torch.float32, torch.tensor([1]), "a")
    Traceback (most recent call last):
    ...
    graders.failure.CheckFailed: `a` is not float32: it holds another kind of number. Run it, and look with %tensorinfo
    """
    dtype = _as_dtype(predicted, name)
    if dtype == tensor.dtype:
        return
    text = str(dtype).removeprefix("torch.")
    if _kind(dtype) == _kind(tensor.dtype):
        why = "the kind of number is right, but not how many bits each one has"
    else:
        why = "it holds another kind of number"
    raise CheckFailed(f"`{name}` is not {text}: {why}. Run it, and look with %tensorinfo")


def check_shape(predicted: Any, shape: Sequence[int] | None, name: str) -> None:
    """Demand that ``predicted`` is this shape, as a tuple or list; None where ``shape`` is None: it cannot be computed.

    Raises:
        CheckFailed: it is something else; the message says in which way, but not what is right.

    >>> check_shape((2, 3), (2, 3), "a")
    >>> check_shape((3, 2), (2, 3), "a")
    Traceback (most recent call last):
    ...
    graders.failure.CheckFailed: the shape of `a` is not (3, 2): the sizes are right, in another order
    """
    if predicted is None and shape is None:
        return
    if predicted is None:
        raise CheckFailed(f"None for the shape of `{name}` says that it cannot be computed, but it can")
    given = _as_shape(predicted, name)
    if shape is None:
        raise CheckFailed(f"the shape of `{name}` is not {given}: these shapes do not fit, so the answer is None")
    right = tuple(shape)
    if given == right:
        return
    if sorted(given) == sorted(right):
        why = "the sizes are right, in another order"
    elif len(given) != len(right):
        why = f"it has {'more' if len(given) < len(right) else 'fewer'} dimensions"
    else:
        places = [index for index, (one, other) in enumerate(zip(given, right, strict=True)) if one != other]
        why = f"look at dim {' and '.join(map(str, places))} again"
    raise CheckFailed(f"the shape of `{name}` is not {given}: {why}")


def check_choice(chosen: Any, right: str, name: str, choices: Sequence[str]) -> None:
    """Demand that ``chosen`` is the right one of some texts.

    Raises:
        CheckFailed: it is none of them, or another one.

    >>> check_choice("like", "data", "rainfall", ("data", "shape", "like"))
    Traceback (most recent call last):
    ...
    graders.failure.CheckFailed: 'like' does not fit 'rainfall'
    """
    known = is_a(chosen, str) and str(chosen) in choices
    if not known:
        said = ", ".join(map(repr, choices))
        raise CheckFailed(f"for {name!r} there should be one of {said}, but it is {describe(chosen)}")
    if str(chosen) != right:
        raise CheckFailed(f"{chosen!r} does not fit {name!r}")


def _as_dtype(predicted: Any, name: str) -> torch.dtype:
    found = predicted
    if is_a(predicted, str):
        found = getattr(torch, predicted.removeprefix("torch."), None)
    if type(found) is not torch.dtype:
        raise CheckFailed(f"for `{name}` there should be a dtype such as torch.int64, but it is {describe(predicted)}")
    return found


def _as_shape(predicted: Any, name: str) -> tuple[int, ...]:
    shape = sizes(predicted)
    if shape is None:
        raise CheckFailed(f"the shape of `{name}` should be a tuple of whole numbers, but it is {describe(predicted)}")
    return shape


def _kind(dtype: torch.dtype) -> str:
    if dtype.is_complex:
        return _KINDS[3]
    return _KINDS[2] if dtype.is_floating_point else _KINDS[0] if dtype == torch.bool else _KINDS[1]
