"""Compare an answer with what is right: numbers, tensors, and lists and dicts of them; the difference in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch

from graders.answers import as_tensor, elements, is_tensor, number, number_text
from graders.diagnose import diagnose
from graders.failure import CheckFailed, describe


def compare_values(
    got: torch.Tensor,
    values: object,
    name: str,
    *,
    rtol: float | None = None,
    atol: float | None = None,
    inputs: Mapping[str, Any] | None = None,
) -> None:
    """Demand the elements of a tensor; NaN never passes.

    Args:
        inputs: what the answer was computed from, for the diagnosis.

    Raises:
        CheckFailed: they differ, or the shape does.

    >>> compare_values(torch.tensor([1.0, 3.0]), [1.0, 2.0], "y")
    Traceback (most recent call last):
    ...
    graders.failure.CheckFailed: `y` at [1] is 3, expected 2 (1 of 2 values differ)
    """
    expected = elements(torch.as_tensor(values), "expected")
    mine = elements(got, name)
    if mine.shape != expected.shape:
        why = diagnose(expected, mine, inputs=inputs)
        raise CheckFailed(_joined(f"`{name}` has shape {tuple(mine.shape)}, expected {tuple(expected.shape)}", why))
    close = are_close(mine, expected, rtol, atol)
    if bool(close.all()):
        return
    why = diagnose(expected, mine, inputs=inputs)
    wrong = (~close).nonzero()
    raise CheckFailed(
        _joined(_difference(name, mine, expected, wrong), why), redacted=_joined(_redacted(name, mine, wrong), why)
    )


def are_close(
    got: torch.Tensor, expected: torch.Tensor, rtol: float | None = None, atol: float | None = None
) -> torch.Tensor:
    """For each element whether it is right, by the tolerances of ``torch.testing.assert_close`` unless given."""
    kind = torch.promote_types(got.dtype, expected.dtype)
    default = torch.testing._comparison.default_tolerances(got.dtype, expected.dtype)
    return torch.isclose(
        got.to(kind),
        expected.to(kind),
        rtol=default[0] if rtol is None else rtol,
        atol=default[1] if atol is None else atol,
    )


def compare_answers(
    got: Any,
    expected: Any,
    name: str,
    *,
    rtol: float | None = None,
    atol: float | None = None,
    inputs: Mapping[str, Any] | None = None,
) -> None:
    """Demand the answer that a reference gives: a tensor, a number, a text, or a list, tuple or dict of such.

    Raises:
        CheckFailed: it is of another kind, or differs.

    >>> compare_answers([1.0, 2.0], (1.0, 2.0), "f")
    >>> compare_answers("up", "down", "f")
    Traceback (most recent call last):
    ...
    graders.failure.CheckFailed: `f` should be a string, 'down', but it is a string, 'up'
    """
    if is_tensor(expected):
        compare_values(as_tensor(got, name), expected, name, rtol=rtol, atol=atol, inputs=inputs)
    elif isinstance(expected, list | tuple):
        _compare_items(got, expected, name, rtol, atol)
    elif isinstance(expected, dict):
        _compare_entries(got, expected, name, rtol, atol)
    elif number(expected) is not None:
        _compare_numbers(got, expected, name, rtol, atol)
    elif type(got) is not type(expected) or not got == expected:
        message = f"`{name}` should be {describe(expected)}, but it is {describe(got)}"
        raise CheckFailed(message, redacted=f"`{name}` is {describe(got)}, and that is not right")


def _compare_items(got: Any, expected: Sequence[Any], name: str, rtol: float | None, atol: float | None) -> None:
    kind = type(expected).__name__
    if type(got) not in (list, tuple) and not issubclass(type(got), list | tuple):
        raise CheckFailed(f"`{name}` should be a {kind} of {len(expected)}, but it is {describe(got)}")
    if len(got) != len(expected):
        raise CheckFailed(f"`{name}` should be a {kind} of {len(expected)}, but it has {len(got)} items")
    for place, (mine, right) in enumerate(zip(got, expected, strict=True)):
        compare_answers(mine, right, f"{name}[{place}]", rtol=rtol, atol=atol)


def _compare_entries(got: Any, expected: Mapping[Any, Any], name: str, rtol: float | None, atol: float | None) -> None:
    if not issubclass(type(got), dict):
        raise CheckFailed(f"`{name}` should be a dict, but it is {describe(got)}")
    for key, right in expected.items():
        if key not in got:
            raise CheckFailed(f"`{name}` lacks the key {key!r}")
        compare_answers(got[key], right, f"{name}[{key!r}]", rtol=rtol, atol=atol)
    if len(got) != len(expected):
        raise CheckFailed(f"`{name}` should have {len(expected)} entries, but it has {len(got)}")


def _compare_numbers(got: Any, expected: Any, name: str, rtol: float | None, atol: float | None) -> None:
    mine, right = number(got), float(number(expected) or 0.0)
    if mine is None:
        raise CheckFailed(f"`{name}` should be a number, but it is {describe(got)}")
    tolerance = (1e-6 if atol is None else atol) + (1e-5 if rtol is None else rtol) * abs(right)
    if abs(mine - right) <= tolerance:  # NaN never is
        return
    why = diagnose(torch.tensor(right), torch.tensor(mine))
    shown = number_text(mine)
    raise CheckFailed(
        _joined(f"`{name}` is {shown}, expected {number_text(right)}", why),
        redacted=_joined(f"`{name}` is {shown}, and that is not right", why),
    )


def _joined(said: str, why: str) -> str:
    return f"{said}. {why}" if why else said


def _difference(name: str, got: torch.Tensor, expected: torch.Tensor, wrong: torch.Tensor) -> str:
    where = tuple(wrong[0].tolist())
    place = f" at {list(where)}" if where else ""
    count = f" ({len(wrong)} of {got.numel()} values differ)" if got.numel() > 1 else ""
    return f"`{name}`{place} is {number_text(got[where].item())}, expected {number_text(expected[where].item())}{count}"


def _redacted(name: str, got: torch.Tensor, wrong: torch.Tensor) -> str:
    nan = " (NaN)" if got.is_floating_point() and bool(got.isnan().any()) else ""
    return f"`{name}` has {len(wrong)} of {got.numel()} values wrong{nan}"
