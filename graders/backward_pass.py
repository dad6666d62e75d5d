"""Grader of the assignment *backward pass*: numbers, signs, accumulation and one step."""

from __future__ import annotations

import itertools
import math
import numbers
from collections.abc import Sequence
from typing import Any

import torch

from graders.diagnose import diagnose_gradient
from graders.failure import CheckFailed, should_be


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
    raise _not_right(name, number, expected, diagnose_gradient(torch.tensor(expected), torch.tensor(number)))


def check_derivative(value: Any, name: str, *, weight: float, x: float, target: float) -> None:
    """Demand the derivative of (W·x − target)² with respect to W, 2·(W·x − target)·x.

    Raises:
        CheckFailed: it is another number; where one wrong formula alone gives that number, it is named.

    >>> check_derivative(-6.0, "g", weight=1.0, x=3.0, target=5.0)
    Traceback (most recent call last):
    ...
    graders.failure.CheckFailed: `g` is -6, expected -12. The factor 2 from the square is missing.
    """
    number = as_number(value, name)
    error = weight * x - target
    right = 2 * error * x
    if _close(number, right):
        return
    wrong = {
        "The factor 2 from the square is missing.": error * x,
        "The inner derivative is missing: W·x changes by x for each unit of W.": 2 * error,
        "That is the derivative with respect to x, not W.": 2 * error * weight,
        "The sign is flipped: the error is the prediction minus the target.": -right,
        "That is the loss itself, not its derivative.": error**2,
        "That is the error itself, not the derivative of the loss.": error,
    }
    named = [why for why, formula in wrong.items() if _close(number, formula)]
    why = named[0] if len(named) == 1 else ""
    if not named and number:
        why = diagnose_gradient(torch.tensor(right), torch.tensor(number))
    raise _not_right(name, number, right, why)


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
    )


def check_step(new: Any, old: float, gradient: float, rate: float, name: str) -> None:
    """Demand that ``new`` is one step of gradient descent away from ``old``.

    Raises:
        CheckFailed: it is not; a step in the wrong direction and a forgotten rate are named.

    >>> check_step(4.6, 3.0, -16.0, 0.1, "W_new")
    """
    number = as_number(new, name)
    expected = old - rate * gradient
    if _close(number, expected):
        return
    why = ""
    if _close(number, old + rate * gradient):
        why = "That step goes up the slope: the rate times the gradient is subtracted."
    elif _close(number, old - gradient):
        why = "The learning rate is missing: the size of a step is learning rate times gradient."
    elif _close(number, -rate * gradient):
        why = "That is the step alone: it starts from the old weight."
    raise _not_right(name, number, expected, why)


def _close(number: float, expected: float, tolerance: float = 1e-4) -> bool:
    return abs(number - expected) <= tolerance * max(1.0, abs(expected))


def _not_right(name: str, number: float, expected: float, why: str) -> CheckFailed:
    return CheckFailed(
        f"`{name}` is {number:.6g}, expected {expected:.6g}. {why}".strip(),
        redacted=f"`{name}` is {number:.6g}, and that is not right. {why}".strip(),
    )
