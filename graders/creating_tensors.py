"""Grader of the assignment *creating tensors*: likeness to a template, and whose memory a tensor has."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from graders.answers import as_tensor, elements, is_tensor, items
from graders.check_tensor import check_tensor
from graders.failure import CheckFailed, describe

#: Dtypes that come of numbers when none is asked for, and of which.
_INFERRED = {torch.int64: "whole numbers", torch.float64: "NumPy's numbers", torch.bool: "truth values"}


def check_table(value: Any, name: str, shape: Sequence[int]) -> None:
    """Demand a float32 tensor of this shape; a dtype that was inferred from the numbers is named.

    Raises:
        CheckFailed: it is something else.

    >>> check_table(torch.tensor([[1, 2]]), "as_table([[1, 2]])", shape=(1, 2))
    Traceback (most recent call last):
    ...
    graders.failure.CheckFailed: `as_table([[1, 2]])` has dtype int64, expected float32. The dtype was inferred from ...
    """
    try:
        check_tensor(value, name, shape=shape, dtype=torch.float32)
    except CheckFailed as failed:
        plain = _plain(value)
        if plain is None or plain.shape != tuple(shape) or plain.dtype not in _INFERRED:
            raise
        whose = _INFERRED[plain.dtype]
        why = f"The dtype was inferred from {whose}: say which one you want."
        raise CheckFailed(f"{failed}. {why}", known=why) from None


def check_pair(value: Any, name: str, labels: Sequence[str]) -> tuple[Any, ...]:
    """The parts of what a function returned together.

    Raises:
        CheckFailed: it is no tuple (or list) of so many parts.

    >>> check_pair((1, 2), "start(3, 2)", ("w", "b"))
    (1, 2)
    >>> check_pair(1, "start(3, 2)", ("w", "b"))
    Traceback (most recent call last):
    ...
    graders.failure.CheckFailed: `start(3, 2)` should return w and b, but it returned an int, 1
    """
    parts = items(value)
    if parts is not None and len(parts) == len(labels):
        return parts
    raise CheckFailed(f"`{name}` should return {' and '.join(labels)}, but it returned {describe(value)}")


def check_like(value: Any, template: torch.Tensor, name: str, *, dtype: torch.dtype | None = None) -> None:
    """Demand the template's shape and device, and its dtype unless another one is asked for.

    Raises:
        CheckFailed: something differs; a shape or dtype that has nothing to do with the template is named.

    >>> check_like(torch.zeros(2), torch.zeros(2, dtype=torch.int64), "blank(…)")
    Traceback (most recent call last):
    ...
    graders.failure.CheckFailed: `blank(…)` has dtype float32, expected int64. Zeros of a shape alone have PyTorch's ...
    """
    try:
        check_tensor(value, name, shape=template.shape, dtype=dtype or template.dtype, device=template.device)
    except CheckFailed as failed:
        why = _unlike(value, template, dtype)
        if not why:
            raise
        raise CheckFailed(f"{failed}. {why}", redacted=f"{failed.redacted}. {why}", known=why) from None


def _unlike(value: Any, template: torch.Tensor, dtype: torch.dtype | None) -> str:
    plain = _plain(value)
    if plain is None or plain.shape != template.shape:
        return ""
    if plain.device != template.device:
        return f"It should live where the argument lives, on {template.device}."
    if dtype is None and plain.dtype == torch.get_default_dtype():
        return "Zeros of a shape alone have PyTorch's default dtype: the argument's has to be passed on."
    if dtype is not None and plain.dtype == template.dtype:
        return "It took the argument's dtype: say which one you want instead."
    return ""


def check_copied(copied: Any, before: npt.NDArray[Any], array: npt.NDArray[Any], name: str) -> None:
    """Demand the numbers that the array had, not those it has now.

    Args:
        before: the array as it was; array: as it is, after something was written into it.

    Raises:
        CheckFailed: other numbers; a tensor that shares the array's memory is named.

    >>> old, new = np.array([1.0, 2.0]), np.array([9.0, 2.0])
    >>> check_copied(torch.from_numpy(new), old, new, "copied")
    Traceback (most recent call last):
    ...
    graders.failure.CheckFailed: `copied` shows what was written into the array later: it shares the array's memory
    """
    check_tensor(copied, name, shape=before.shape)
    if _holds(copied, before):
        return
    if _holds(copied, array):
        raise CheckFailed(f"`{name}` shows what was written into the array later: it shares the array's memory")
    check_tensor(copied, name, values=torch.tensor(before))


def check_shared(shared: Any, before: npt.NDArray[Any], array: npt.NDArray[Any], name: str, *, value: float) -> None:
    """Demand the array's dtype and the numbers that it has since ``value`` was written into its first place.

    Raises:
        CheckFailed: nothing was written into the array, or the tensor does not show it: it is a copy.

    >>> old, new = np.array([1.0, 2.0]), np.array([9.0, 2.0])
    >>> check_shared(torch.tensor(old), old, new, "shared", value=9.0)
    Traceback (most recent call last):
    ...
    graders.failure.CheckFailed: `shared` does not show what was written into the array: it is a copy
    """
    wanted = before.copy()
    wanted[0] = value
    if not np.array_equal(array, wanted):
        raise CheckFailed("array[0] should be set to the value, and nothing else of the array may change")
    check_tensor(shared, name, shape=before.shape)
    if _holds(shared, before):
        raise CheckFailed(f"`{name}` does not show what was written into the array: it is a copy")
    check_tensor(shared, name, dtype=torch.from_numpy(wanted).dtype, values=torch.from_numpy(wanted))


def _plain(value: Any) -> torch.Tensor | None:
    """A tensor without the methods of a subclass; None for one without a shape, and for anything else."""
    plain = as_tensor(value, "") if is_tensor(value) else None
    return None if plain is None or plain.is_nested else plain


def _holds(tensor: torch.Tensor, numbers: npt.NDArray[Any]) -> bool:
    if tensor.device.type == "meta" or tensor.is_complex():
        return False
    return bool(torch.allclose(elements(as_tensor(tensor, ""), "").double(), torch.from_numpy(numbers).double()))
