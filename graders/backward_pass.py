"""Grader of the assignment *backward pass*: numbers, signs, accumulation and one step."""

from __future__ import annotations

import itertools
import math
import numbers
from collections.abc import Sequence
from typing import Any

import torch

from graders.diagnose import choose, find
from graders.failure import CheckFailed, should_be
from graders.misconceptions import Finding


def as_number(value: Any, name: str) -> float:
    """A student's number: a plain one, or a tensor of one element.

    Raises:
        CheckFailed: it is no number, or not a finite one.

    >>> as_number(torch.tensor([2.0]), "g"), as_number(3, "g")
    (2.0, 3.0)
    """
    if issubclass(type(value), torch.Tensor):
        if value.numel() != 1 or value.is_complex():
            raise should_be(f"`{name}`", "be one number", value)
        number = float(value.detach())
    elif issubclass(type(value), numbers.Real) and not isinstance(value, bool):
        number = float(value)
    else:
        raise should_be(f"`{name}`", "be a number", value)
    if not math.isfinite(number):
        raise CheckFailed(f"`{name}` is {number}")
    return number


def check_number(value: Any, expected: float, name: str, *, tolerance: float = 1e-4) -> None:
    """Demand one number within a relative tolerance; the message names a misconception that explains it exactly.

    Raises:
        CheckFailed: it is no number or another one.

    >>> check_number(16.0, -16.0, "gradient")
    Traceback (most recent call last):
    ...
    graders.failure.CheckFailed: `gradient` is 16, expected -16. The sign is flipped.
    """
    number = as_number(value, name)
    if _close(number, expected, tolerance):
        return
    raise _not_right(name, number, expected, _diagnosed(expected, number))


def check_derivative(value: Any, name: str, *, weight: float, x: float, target: float) -> None:
    """Demand the derivative of (W·x − target)² with respect to W.

    Raises:
        CheckFailed: it is another number; where one wrong formula alone gives that number, it is named.

    >>> check_derivative(-6.0, "g", weight=1.0, x=3.0, target=5.0)
    Traceback (most recent call last):
    ...
    graders.failure.CheckFailed: `g` is -6, expected -12. The factor 2 from the square is missing.
    """
    number = as_number(value, name)
    at = torch.tensor(weight, dtype=torch.float64, requires_grad=True)
    error = float(weight * x - target)
    (slope,) = torch.autograd.grad((at * x - target) ** 2, at)
    right = float(slope)
    if _close(number, right):
        return
    wrong = {
        "The factor 2 from the square is missing.": right / 2,
        "The inner derivative is missing: W·x changes by x for each unit of W.": right / x if x else math.nan,
        "That is the derivative with respect to x, not W.": right / x * weight if x else math.nan,
        "The sign is flipped: the error is the prediction minus the target.": -right,
        "That is the loss itself, not its derivative.": error**2,
        "That is the error itself, not the derivative of the loss.": error,
    }
    named = [why for why, formula in wrong.items() if _close(number, formula)]
    if not named and number:
        raise _not_right(name, number, right, _diagnosed(right, number))
    raise _not_right(name, number, right, named[0] if len(named) == 1 else "")


def check_each_gradient(values: Any, expected: Sequence[float], name: str) -> None:
    """Demand the gradients of several backward passes through one parameter, each for itself.

    Raises:
        CheckFailed: they are others; gradients that were added up, or one tensor kept several times, are named.

    >>> check_each_gradient([-4.0, -8.0, 0.0], [-4.0, -4.0, 8.0], "g")
    Traceback (most recent call last):
    ...
    graders.failure.CheckFailed: `g` should give [-4, -4, 8], but it gave [-4, -8, 0]. These are running totals: ...
    """
    if not isinstance(values, list | tuple):
        raise should_be(f"`{name}`", "give a list of numbers", values, did="it gave")
    given = [as_number(value, f"{name}[{index}]") for index, value in enumerate(values)]
    if len(given) == len(expected) and all(map(_close, given, expected)):
        return
    totals = list(itertools.accumulate(expected))
    why = ""
    if len(given) != len(expected):
        why = f"There should be {len(expected)}, one for each input."
    elif all(map(_close, given, totals)):
        why = "These are running totals: backward() adds to .grad, so clear it before each backward pass."
    elif len(set(given)) == 1 and len(set(expected)) > 1:
        why = "All are the same: does the list hold W.grad itself, a tensor that changes? Keep W.grad.item()."
    shown, right = (f"[{', '.join(f'{number:g}' for number in some)}]" for some in (given, expected))
    raise CheckFailed(
        f"`{name}` should give {right}, but it gave {shown}. {why}".strip(),
        redacted=f"`{name}` gave {shown}, and that is not right. {why}".strip(),
        known=why,
    )


def check_step(new: Any, expected: float, *, old: float, rate: float, name: str) -> None:
    """Demand the weight after one step of gradient descent with the learning rate ``rate``, from ``old``.

    Raises:
        CheckFailed: it is another; a step in the wrong direction and a forgotten rate are named.

    >>> check_step(4.6, 4.6, old=3.0, rate=0.1, name="W_new")
    """
    number = as_number(new, name)
    if _close(number, expected):
        return
    moved = expected - old
    why = ""
    if _close(number, old - moved):
        why = "That step goes up the slope: the rate times the gradient is subtracted."
    elif _close(number, old + moved / rate):
        why = "The learning rate is missing: the size of a step is learning rate times gradient."
    elif _close(number, moved):
        why = "That is the step alone: it starts from the old weight."
    raise _not_right(name, number, expected, why)


def _close(number: float, expected: float, tolerance: float = 1e-4) -> bool:
    return abs(number - expected) <= tolerance * max(1.0, abs(expected))


def _diagnosed(expected: float, number: float) -> Finding | None:
    return choose(find(torch.tensor(expected), torch.tensor(number), gradient=True))


def _not_right(name: str, number: float, expected: float, reason: str | Finding | None) -> CheckFailed:
    found = [reason] if isinstance(reason, Finding) else []
    known = reason if isinstance(reason, str) else ""
    why = found[0].sentence if found else known
    return CheckFailed(
        f"`{name}` is {number:.6g}, expected {expected:.6g}. {why}".strip(),
        redacted=f"`{name}` is {number:.6g}, and that is not right. {why}".strip(),
        findings=found,
        known=known,
    )
