"""Demand that training worked: the loss fell, the parameters moved, and they came to where the data was made."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import torch

from graders.answers import as_tensor, elements, is_tensor, number, value_text
from graders.failure import CheckFailed, should_be
from graders.wording import number_text


def check_training(
    losses: Any = None,
    name: str = "losses",
    *,
    steps: int | None = None,
    below: float | None = None,
    parameters: Mapping[str, Any] | None = None,
    start: Mapping[str, Any] | None = None,
    truth: Mapping[str, Any] | None = None,
    within: float = 0.1,
) -> None:
    """Demand what training should leave behind; what is None is not asked.

    Args:
        losses: the loss of each step (a list of numbers, or a tensor of one dim), which must be finite and fall.
        name: what the student calls them.
        steps: how many there are.
        below: what the last one must be below.
        parameters: what was learned, by what the student calls it: tensors or numbers.
        start: what it was before: each must have moved.
        truth: what the data was made of: each must be near it.
        within: how near, in every element.

    Raises:
        CheckFailed: with what went wrong, and why that happens where the numbers tell.

    >>> check_training([4.0, 1.0, 0.2], parameters={"W": 1.98}, start={"W": 0.0}, truth={"W": 2.0})
    >>> check_training([4.0, 40.0, float("inf")])
    Traceback (most recent call last):
    ...
    graders.failure.CheckFailed: `losses` has inf at step 3: the steps are too large, and each jumps further ...
    """
    if losses is not None:
        _demand_fall(_history(losses, name), name, steps, below)
    for label, value in (parameters or {}).items():
        mine = _values(value, label)
        if not bool(mine.isfinite().all()):
            raise CheckFailed(f"`{label}` holds NaN or infinity after training: were the steps too large?")
        if start is not None and label in start:
            _demand_moved(mine, _values(start[label], label), label)
        if truth is not None and label in truth:
            _demand_near(mine, _values(truth[label], label), label, within)


def _history(losses: Any, name: str) -> list[float]:
    if is_tensor(losses):
        tensor = as_tensor(losses, name)
        if elements(tensor, name).dim() != 1 or tensor.is_complex() or tensor.dtype is torch.bool:
            raise should_be(f"`{name}`", "hold one loss for each step", losses)
        return [float(item) for item in elements(tensor, name).tolist()]
    if type(losses) not in (list, tuple):
        raise should_be(f"`{name}`", "be a list of numbers", losses)
    found = [number(item) for item in losses]
    for place, item in enumerate(found):
        if item is None:
            raise should_be(f"`{name}[{place}]`", "be a number", losses[place])
    return [item for item in found if item is not None]


def _demand_fall(history: list[float], name: str, steps: int | None, below: float | None) -> None:
    if steps is not None and len(history) != steps:
        raise CheckFailed(f"`{name}` should have {steps} losses, one for each step, but it has {len(history)}")
    if len(history) < 2:
        raise CheckFailed(f"`{name}` should have at least two losses, but it has {len(history)}")
    for place, loss in enumerate(history, 1):
        if not math.isfinite(loss):
            why = "the steps are too large, and each jumps further past the minimum (a smaller learning rate?)"
            raise CheckFailed(f"`{name}` has {loss} at step {place}: {why}")
    first, last = history[0], history[-1]
    if len(set(history)) == 1:
        why = "are the parameters changed at all, and does the list keep each loss as a number (loss.item())?"
        raise CheckFailed(f"`{name}` stays at {number_text(first)}: {why}")
    if not last < first:
        why = "is the step taken against the gradient, and small enough?"
        raise CheckFailed(f"`{name}` should fall, but it goes from {number_text(first)} to {number_text(last)}: {why}")
    if below is not None and not last < below:
        said = f"`{name}` falls from {number_text(first)} to {number_text(last)}, and it should come"
        raise CheckFailed(f"{said} below {number_text(below)}", redacted=f"{said} lower")


def _values(value: Any, label: str) -> torch.Tensor:
    if is_tensor(value):
        return elements(as_tensor(value, label), label)
    found = number(value)
    if found is None:
        raise should_be(f"`{label}`", "be a tensor or a number", value)
    return torch.tensor(found, dtype=torch.float64)


def _demand_moved(mine: torch.Tensor, before: torch.Tensor, label: str) -> None:
    if mine.shape == before.shape and bool((mine == before).all()):
        why = "training did not change it (was a step taken, and does the optimizer know it?)"
        raise CheckFailed(f"`{label}` is still what it was before: {why}")


def _demand_near(mine: torch.Tensor, truth: torch.Tensor, label: str, within: float) -> None:
    if mine.numel() != truth.numel():
        raise CheckFailed(f"`{label}` has shape {tuple(mine.shape)}, expected {tuple(truth.shape)}")
    away = (mine.double().reshape(-1) - truth.double().reshape(-1)).abs()
    if not bool((away <= within).all()):  # written so that NaN fails
        said = f"`{label}` is {value_text(mine)} after training"
        message = f"{said}; the data was made with {value_text(truth)}, and it should come within {within:g} of that"
        raise CheckFailed(message, redacted=f"{said}, and that is not near enough to what the data was made with")
