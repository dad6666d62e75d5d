"""Compare an answer with what is right: numbers, tensors, and lists and dicts of them; the difference in words."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch

from graders.answers import as_tensor, elements, is_tensor, number
from graders.comparison import Compared
from graders.diagnose import choose, find
from graders.failure import CheckFailed, describe, describe_kind, should_be
from graders.misconceptions import Finding
from graders.wording import number_text


def compare_values(
    got: torch.Tensor,
    values: object,
    name: str,
    *,
    rtol: float | None = None,
    atol: float | None = None,
    inputs: Mapping[str, Any] | None = None,
    reference: Callable[..., Any] | None = None,
    arguments: Sequence[Any] = (),
    thorough: bool = True,
) -> None:
    """Demand the elements of a tensor; NaN never passes.

    Args:
        inputs: what the answer was computed from, for the diagnosis.
        reference, arguments: what gave ``values``, for the diagnosis.
        thorough: whether to diagnose.

    Raises:
        CheckFailed: they differ, or the shape does.

    >>> compare_values(torch.tensor([1.0, 3.0]), [1.0, 2.0], "y")
    Traceback (most recent call last):
    ...
    graders.failure.CheckFailed: `y` at [1] is 3, expected 2 (1 of 2 values differ)
    """
    expected = elements(torch.as_tensor(values), "expected")
    mine = elements(got, name)
    compared = Compared(name, expected, mine)

    def found() -> list[Finding] | None:
        if not thorough:
            return None
        return find(expected, mine, inputs=inputs, reference=reference, arguments=arguments)

    if mine.shape != expected.shape:
        raise diagnosed(
            f"`{name}` has shape {tuple(mine.shape)}, expected {tuple(expected.shape)}", "", found(), compared
        )
    close = are_close(mine, expected, rtol, atol)
    if bool(close.all()):
        return
    said, hidden = _difference(name, mine, expected, (~close).nonzero()), _redacted(name, mine, close)
    raise diagnosed(said, hidden, found(), replace(compared, wrong=~close))


def explained(
    said: str, got: torch.Tensor, values: object, name: str, inputs: Mapping[str, Any] | None = None
) -> CheckFailed:
    """The failure of a tensor whose shape is wrong, with what explains it."""
    expected, mine = elements(torch.as_tensor(values), "expected"), elements(got, name)
    return diagnosed(said, "", find(expected, mine, inputs=inputs), Compared(name, expected, mine))


def diagnosed(
    said: str, redacted: str, found: Sequence[Finding] | None, compared: Compared | None = None
) -> CheckFailed:
    """The failure with the diagnosis behind its reason, where the findings give one; None where none was looked for."""
    chosen = choose(found or ())
    why, hidden = (chosen.sentence, chosen.redacted) if chosen else ("", "")
    return CheckFailed(
        joined(said, why),
        redacted=joined(redacted or said, hidden),
        compared=compared,
        findings=found or (),
        said=(said, redacted or said),
        thorough=found is not None,
    )


def joined(said: str, why: str) -> str:
    """Two sentences, the second of which may be empty.

    >>> joined("`y` is 2", ""), joined("`y` is 2", "The sign is flipped.")
    ('`y` is 2', '`y` is 2. The sign is flipped.')
    """
    return f"{said}{'' if said.endswith(('.', '?')) else '.'} {why}" if why else said


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
    **diagnosis: Any,
) -> None:
    """Demand the answer that a reference gives: a tensor, a number, a text, or a list, tuple or dict of such.

    Args:
        diagnosis: ``inputs``, ``reference``, ``arguments`` and ``thorough`` as for :func:`compare_values`.

    Raises:
        CheckFailed: it is of another kind, or differs.

    >>> compare_answers([1.0, 2.0], (1.0, 2.0), "f")
    >>> compare_answers("up", "down", "f")
    Traceback (most recent call last):
    ...
    graders.failure.CheckFailed: `f` should be a string, 'down', but it is a string, 'up'
    """
    if is_tensor(expected):
        compare_values(as_tensor(got, name), expected, name, rtol=rtol, atol=atol, **diagnosis)
    elif isinstance(expected, list | tuple):
        _compare_items(got, expected, name, rtol, atol, diagnosis)
    elif isinstance(expected, dict):
        _compare_entries(got, expected, name, rtol, atol, diagnosis)
    elif number(expected) is not None:
        _compare_numbers(got, expected, name, rtol, atol, diagnosis)
    elif type(expected) is bool:
        _compare_truths(got, expected, name)
    elif type(got) is not type(expected) or got != expected:
        message = f"`{name}` should be {describe(expected)}, but it is {describe(got)}"
        raise CheckFailed(message, redacted=f"`{name}` is {describe_kind(got)}, and that is not right")


def _compare_items(
    got: Any, expected: Sequence[Any], name: str, rtol: float | None, atol: float | None, diagnosis: Mapping[str, Any]
) -> None:
    kind = type(expected).__name__
    if type(got) not in (list, tuple):
        raise should_be(f"`{name}`", f"be a {kind} of {len(expected)}", got)
    if len(got) != len(expected):
        said = f"`{name}` should be a {kind} of {len(expected)}, but it has {len(got)} items"
        raise diagnosed(said, "", _found_in_numbers(got, expected, diagnosis))
    try:
        for place, (mine, right) in enumerate(zip(got, expected, strict=True)):
            compare_answers(mine, right, f"{name}[{place}]", rtol=rtol, atol=atol, **diagnosis)
    except CheckFailed as error:
        found = _found_in_numbers(got, expected, diagnosis)
        if not found or error.said is None:
            raise
        raise diagnosed(*error.said, found) from None


def _found_in_numbers(
    got: Sequence[Any], expected: Sequence[Any], diagnosis: Mapping[str, Any]
) -> list[Finding] | None:
    """What explains a list of numbers, taken together; None where it is none, or no diagnosis is wanted."""
    lists = [[number(item) for item in items] for items in (expected, got)]
    if diagnosis.get("thorough") is False or not all(lists) or None in (*lists[0], *lists[1]):
        return None
    right, mine = (torch.tensor(items, dtype=torch.float64) for items in lists)
    return find(right, mine, **_looked_for(diagnosis))


def _looked_for(diagnosis: Mapping[str, Any]) -> dict[str, Any]:
    """Without the reference, which gives no tensor here."""
    return {"inputs": diagnosis.get("inputs")}


def _compare_entries(
    got: Any,
    expected: Mapping[Any, Any],
    name: str,
    rtol: float | None,
    atol: float | None,
    diagnosis: Mapping[str, Any],
) -> None:
    if type(got) is not dict:
        raise should_be(f"`{name}`", "be a dict", got)
    for key, right in expected.items():
        if key not in got:
            raise CheckFailed(f"`{name}` lacks the key {key!r}")
        compare_answers(got[key], right, f"{name}[{key!r}]", rtol=rtol, atol=atol, **diagnosis)
    if len(got) != len(expected):
        raise CheckFailed(f"`{name}` should have {len(expected)} entries, but it has {len(got)}")


def _compare_numbers(
    got: Any, expected: Any, name: str, rtol: float | None, atol: float | None, diagnosis: Mapping[str, Any]
) -> None:
    mine, right = number(got), float(number(expected) or 0.0)
    if mine is None:
        raise should_be(f"`{name}`", "be a number", got)
    tolerance = (1e-6 if atol is None else atol) + (1e-5 if rtol is None else rtol) * abs(right)
    if abs(mine - right) <= tolerance:  # NaN never is
        return
    said, hidden = f"`{name}` is {number_text(mine)}", f"`{name}` is {number_text(mine)}, and that is not right"
    found = None
    if diagnosis.get("thorough") is not False:
        sides = (torch.tensor(side, dtype=torch.float64) for side in (right, mine))
        found = find(*sides, **_looked_for(diagnosis))
    raise diagnosed(f"{said}, expected {number_text(right)}", hidden, found)


def _compare_truths(got: Any, expected: bool, name: str) -> None:
    """True and False also as a tensor or a NumPy value of one element."""
    if is_tensor(got) and as_tensor(got, name).dtype is torch.bool and as_tensor(got, name).numel() == 1:
        found = bool(elements(as_tensor(got, name), name))
    elif issubclass(type(got), bool | np.bool_):
        found = bool(got)
    else:
        raise should_be(f"`{name}`", "be True or False", got)
    if found is not expected:
        raise CheckFailed(
            f"`{name}` is {found}, expected {expected}", redacted=f"`{name}` is {found}, and that is not right"
        )


def _difference(name: str, got: torch.Tensor, expected: torch.Tensor, wrong: torch.Tensor) -> str:
    where = tuple(wrong[0].tolist())
    place = f" at {list(where)}" if where else ""
    count = f" ({len(wrong)} of {got.numel()} values differ)" if got.numel() > 1 else ""
    mine, right = got[where].item(), expected[where].item()
    texts = number_text(mine), number_text(right)
    if texts[0] == texts[1]:  # they differ further on
        texts = str(mine), str(right)
    return f"`{name}`{place} is {texts[0]}, expected {texts[1]}{count}"


def _redacted(name: str, got: torch.Tensor, close: torch.Tensor) -> str:
    nan = " (NaN)" if got.is_floating_point() and bool(got.isnan().any()) else ""
    return f"`{name}` has {int((~close).sum())} of {got.numel()} values wrong{nan}"
