"""From an expected and a given gradient to the misconception that explains the difference exactly, if one does."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch

_COUNTS = (2, 3, 4, 5)


def diagnose(expected: torch.Tensor, got: torch.Tensor, *, inputs: Mapping[str, Any] | None = None) -> str:
    """One sentence that names the misconception which explains every number of ``got`` exactly, or "".

    Args:
        inputs: what the answer was computed from, by name.

    >>> diagnose(torch.tensor([1.0, 2.0]), torch.tensor([-1.0, -2.0]))
    'The sign is flipped.'
    """
    return diagnose_gradient(expected, got)


def diagnose_gradient(expected: torch.Tensor, got: torch.Tensor) -> str:
    """A sentence where one misconception explains every number; "" where none does.

    >>> diagnose_gradient(torch.tensor([1.0, 2.0]), torch.tensor([-1.0, -2.0]))
    'The sign is flipped.'
    >>> diagnose_gradient(torch.tensor([1.0, 2.0]), torch.tensor([1.0, 3.0]))
    ''
    """
    if got.shape != expected.shape:
        if got.dim() == 2 and got.T.shape == expected.shape and _same(expected, got.T):
            return "It is transposed."
        return ""
    if not bool(expected.any()):
        return ""
    if not bool(got.any()):
        return "It is zero: did the result lose its connection to this input, or was the gradient zeroed too late?"
    if _same(-expected, got):
        return "The sign is flipped."
    for count in _COUNTS:
        if _same(count * expected, got):
            why = f"was it added up over {count} backward passes, or is there a factor too many?"
            return f"It is {count} times the expected one: {why}"
        if _same(expected / count, got):
            why = f"is a factor {count} missing, as from a square or a mean?"
            return f"It is the expected one divided by {count}: {why}"
    size = expected.numel()
    if size > 1 and _same(expected / size, got):
        return f"It is the expected one divided by {size}, the number of elements: a mean instead of a sum?"
    if size > 1 and _same(expected * size, got):
        return f"It is {size} times the expected one, the number of elements: a sum instead of a mean?"
    return ""


def _same(one: torch.Tensor, other: torch.Tensor) -> bool:
    return bool(torch.allclose(one.double(), other.double(), rtol=1e-5, atol=1e-8))
