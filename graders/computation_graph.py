"""Grader of the assignment *computation graph*: what hangs on what, and how each tensor came to be."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch

from graders.failure import CheckFailed, should_be


def check_depends(result: Any, on: Mapping[str, Any], name: str) -> None:
    """Demand that gradients flow from ``result`` to each of the leaves in ``on``.

    Raises:
        CheckFailed: the result is no tensor, was cut from the graph, or does not depend on a leaf.

    >>> a = torch.tensor(2.0, requires_grad=True)
    >>> check_depends(a * 3, {"a": a}, "z")
    """
    _demand_graph(result, name)
    for label, leaf in on.items():
        if not issubclass(type(leaf), torch.Tensor) or not leaf.requires_grad:
            raise should_be(f"`{label}`", "be a tensor that requires gradients", leaf)
    found = torch.autograd.grad(result.sum(), list(on.values()), retain_graph=True, allow_unused=True)
    for label, grad in zip(on, found, strict=True):
        if grad is None:
            raise CheckFailed(f"`{name}` does not depend on `{label}`: no gradient reaches it")


def check_kept_apart(result: Any, leaf: Any, name: str, label: str) -> None:
    """Demand that no gradient flows from ``result`` to ``leaf``.

    Raises:
        CheckFailed: one does.

    >>> a = torch.tensor(2.0, requires_grad=True)
    >>> check_kept_apart(a * 3 - a.detach(), torch.tensor(1.0, requires_grad=True), "z", "b")
    """
    if not issubclass(type(result), torch.Tensor):
        raise should_be(f"`{name}`", "be a tensor", result)
    if not result.requires_grad:
        return
    (grad,) = torch.autograd.grad(result.sum(), leaf, retain_graph=True, allow_unused=True)
    if grad is not None and bool(grad.any()):
        raise CheckFailed(f"a gradient flows from `{name}` to `{label}`, and it should not")


def check_operation(predicted: Any, tensor: Any, name: str) -> None:
    """Demand that ``predicted`` is the name of the operation that computed ``tensor``, or None for a leaf.

    Raises:
        CheckFailed: it is something else; the message does not tell the name.

    >>> check_operation(None, torch.ones(1), "a")
    """
    if predicted is not None and not isinstance(predicted, str):
        raise should_be(f"the prediction for `{name}`", "be a string or None", predicted)
    true = None if tensor.grad_fn is None else type(tensor.grad_fn).__name__
    if predicted == true:
        return
    if true is None:
        raise CheckFailed(f"`{name}` was not computed: what is the grad_fn of a leaf?")
    if predicted is None:
        raise CheckFailed(f"`{name}` was computed by an operation, so it has a grad_fn")
    raise CheckFailed(f"`{name}` was not computed by {predicted}: print(`{name}`.grad_fn) shows what did")


def _demand_graph(result: Any, name: str) -> None:
    if not issubclass(type(result), torch.Tensor):
        raise should_be(f"`{name}`", "be a tensor", result)
    if not result.requires_grad:
        raise CheckFailed(f"`{name}` does not require gradients: the graph was cut, or nothing in it requires them")
