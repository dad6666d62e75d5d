"""Grader of the assignment *backward pass*: numbers, signs, accumulation and one step."""

from __future__ import annotations

import math
from typing import Any

import torch

from graders.diagnose import diagnose_gradient
from graders.failure import CheckFailed, describe


def as_number(value: Any, name: str) -> float:
    """A student's number: a plain one, or a tensor of one element.

    Raises:
        CheckFailed: it is no number, or not a finite one.

    >>> as_number(torch.tensor([2.0]), "g"), as_number(3, "g")
    (2.0, 3.0)
    """
    if issubclass(type(value), torch.Tensor):
        if value.numel() != 1 or value.is_complex():
            raise CheckFailed(f"`{name}` should be one number, but it is {describe(value)}")
        number = float(value.detach())
    elif type(value) in (int, float):
        number = float(value)
    else:
        raise CheckFailed(f"`{name}` should be a number, but it is {describe(value)}")
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
    if abs(number - expected) <= tolerance * max(1.0, abs(expected)):
        return
    why = diagnose_gradient(torch.tensor(expected), torch.tensor(number))
    raise CheckFailed(
        f"`{name}` is {number:.6g}, expected {expected:.6g}. {why}".strip(),
        redacted=f"`{name}` is {number:.6g}, and that is not right. {why}".strip(),
    )


def check_step(new: Any, old: float, gradient: float, rate: float, name: str) -> None:
    """Demand that ``new`` is one step of gradient descent away from ``old``.

    Raises:
        CheckFailed: it is not; a step in the wrong direction and a forgotten rate are named.

    >>> check_step(4.6, 3.0, -16.0, 0.1, "W_new")
    """
    number = as_number(new, name)
    expected = old - rate * gradient
    if abs(number - expected) <= 1e-4 * max(1.0, abs(expected)):
        return
    why = ""
    if abs(number - (old + rate * gradient)) <= 1e-5:
        why = "That step goes up the slope: the rate times the gradient is subtracted."
    elif abs(number - (old - gradient)) <= 1e-5:
        why = "The learning rate is missing: the size of a step is learning rate times gradient."
    elif abs(number + rate * gradient) <= 1e-5:
        why = "That is the step alone: it starts from the old weight."
    raise CheckFailed(
        f"`{name}` is {number:.6g}, expected {expected:.6g}. {why}".strip(),
        redacted=f"`{name}` is {number:.6g}, and that is not right. {why}".strip(),
    )
