"""What a test cell may ask of an answer: tensors, gradients, the graph, and partial credit.

Every check gives nothing when all is well and raises :class:`CheckFailed` (an AssertionError) with a reason
in a student's words otherwise. They work in a plain notebook and in the judge alike: a student's object is
only called and compared by its numbers.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch

from graders.failure import CheckFailed, describe
from graders.gradients import check_gradient
from graders.rubric import Rubric, rubric
from torchmagic.observe.tensors import observe_tensor
from torchmagic.records import TensorRecord

__all__ = ["CheckFailed", "Rubric", "check_gradient", "check_tensor", "check_that", "rubric"]


def check_that(condition: bool, reason: str) -> None:
    """Demand that something holds. Unlike an assert's message, ``reason`` is told to students of a hidden test too.

    Raises:
        CheckFailed: with the reason, which should give no answer away.

    >>> check_that(abs(-2) == 3, "abs() is the distance from zero")
    Traceback (most recent call last):
    ...
    graders.failure.CheckFailed: abs() is the distance from zero
    """
    if not condition:
        raise CheckFailed(reason)


def check_tensor(
    value: object,
    name: str,
    shape: Sequence[int | None] | None = None,
    dtype: torch.dtype | None = None,
    device: str | torch.device | None = None,
    requires_grad: bool | None = None,
    *,
    leaf: bool | None = None,
    values: object = None,
    rtol: float | None = None,
    atol: float | None = None,
) -> None:
    """Demand that ``value`` is a tensor with the given properties; what is None is not asked.

    Args:
        name: what the student calls it, for the message.
        shape: sizes; None in a place accepts any size there.
        dtype, device, requires_grad, leaf: as torch names them.
        values: the expected elements (a tensor, a list or a number), compared within ``rtol`` and ``atol`` (by
            default those of ``torch.testing.assert_close`` for the dtype). NaN never passes.

    Raises:
        CheckFailed: with everything that is not as asked, expected and got.

    >>> check_tensor(torch.ones(3), "y", shape=(3, 1), dtype=torch.float32)
    Traceback (most recent call last):
    ...
    graders.failure.CheckFailed: `y` has shape (3,), expected (3, 1)
    """
    if not issubclass(type(value), torch.Tensor):
        raise CheckFailed(f"`{name}` should be a tensor, but it is {describe(value)}")
    record = observe_tensor(value, name, stats=False)
    problems = [
        *_shape_problem(record, shape),
        *_fact_problem("dtype", record.dtype, None if dtype is None else str(dtype).removeprefix("torch.")),
        *_fact_problem("device", record.device, None if device is None else _device(device, record.device)),
        *_flag_problem(record.requires_grad, requires_grad, "requires gradients", "does not require gradients"),
        *_flag_problem(record.is_leaf, leaf, "is a leaf", f"is not a leaf ({record.grad_fn} computed it)"),
    ]
    if problems:
        raise CheckFailed("; ".join(f"`{name}` {problem}" for problem in problems))
    if values is not None:
        _check_values(value, name, values, rtol, atol)


def _shape_problem(record: TensorRecord, shape: Sequence[int | None] | None) -> list[str]:
    if shape is None:
        return []
    wanted = tuple(shape)
    fits = len(wanted) == len(record.shape) and all(w in (None, s) for w, s in zip(wanted, record.shape, strict=True))
    if fits:
        return []
    text = "(" + ", ".join("any" if w is None else str(w) for w in wanted) + ("," if len(wanted) == 1 else "") + ")"
    return [f"has shape {record.shape}, expected {text}"]


def _fact_problem(what: str, got: str, wanted: str | None) -> list[str]:
    return [] if wanted is None or got == wanted else [f"has {what} {got}, expected {wanted}"]


def _flag_problem(got: bool, wanted: bool | None, yes: str, no: str) -> list[str]:
    if wanted is None or got == wanted:
        return []
    return [f"{no}, and it should" if wanted else f"{yes}, and it should not"]


def _device(wanted: str | torch.device, got: str) -> str:
    device = str(torch.device(wanted))
    return got if got.split(":")[0] == device else device  # "cuda" without an index means any


def _check_values(value: Any, name: str, values: object, rtol: float | None, atol: float | None) -> None:
    with torch.no_grad(), torch._C.DisableTorchFunctionSubclass():
        got = value.detach().as_subclass(torch.Tensor).cpu()
        expected = torch.as_tensor(values).detach().cpu()
        if got.shape != expected.shape:
            raise CheckFailed(f"`{name}` has shape {tuple(got.shape)}, expected {tuple(expected.shape)}")
        kind = torch.promote_types(got.dtype, expected.dtype)
        default = torch.testing._comparison.default_tolerances(got.dtype, expected.dtype)
        close = torch.isclose(
            got.to(kind),
            expected.to(kind),
            rtol=default[0] if rtol is None else rtol,
            atol=default[1] if atol is None else atol,
        )
        if bool(close.all()):
            return
        wrong = (~close).nonzero()
        raise CheckFailed(_difference(name, got, expected, wrong), redacted=_redacted(name, got, wrong))


def _difference(name: str, got: torch.Tensor, expected: torch.Tensor, wrong: torch.Tensor) -> str:
    where = tuple(wrong[0].tolist())
    place = f" at {list(where)}" if where else ""
    count = f" ({len(wrong)} of {got.numel()} values differ)" if got.numel() > 1 else ""
    return f"`{name}`{place} is {_number(got[where])}, expected {_number(expected[where])}{count}"


def _redacted(name: str, got: torch.Tensor, wrong: torch.Tensor) -> str:
    nan = " (NaN)" if got.is_floating_point() and bool(got.isnan().any()) else ""
    return f"`{name}` has {len(wrong)} of {got.numel()} values wrong{nan}"


def _number(value: torch.Tensor) -> str:
    number = value.item()
    return f"{number:.6g}" if isinstance(number, float) and math.isfinite(number) else str(number)
