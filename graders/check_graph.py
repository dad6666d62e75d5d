"""Demand how a result was computed: which leaves it hangs on, which operations made it, and that nothing cut it off."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch

from graders.answers import as_tensor
from graders.failure import CheckFailed, should_be
from graders.operations import graph_nodes
from torchmagic.observe.graph_ops import plain_name


def check_graph(
    result: Any,
    name: str,
    *,
    leaves: Mapping[str, Any] | None = None,
    uses: Sequence[str] = (),
    avoids: Sequence[str] = (),
    cut: bool = False,
) -> None:
    """Demand how ``result`` was computed.

    Args:
        leaves: the tensors that it hangs on, by what the student calls them: a gradient reaches each of them.
        uses, avoids: operations by the names that ``%%gradtrace`` shows: ``"MatMul"``, ``"Mul"``, ``"Sum"``.
        cut: True demands the opposite of ``leaves``: that no gradient flows to them (with none given, to anything).

    Raises:
        CheckFailed: it was computed in another way.

    >>> w = torch.ones(2, requires_grad=True)
    >>> check_graph((w * 2).sum(), "loss", leaves={"w": w}, uses=["Mul", "Sum"])
    >>> check_graph((w.detach() * 2).sum(), "loss", leaves={"w": w})
    Traceback (most recent call last):
    ...
    graders.failure.CheckFailed: `loss` does not require gradients: it was cut off from the graph (detach, ...
    """
    tensor = as_tensor(result, name)
    if cut:
        _demand_cut(tensor, name, leaves)
    else:
        _demand_whole(tensor, name, leaves or {})
    if uses or avoids:
        _demand_operations(tensor, name, uses, avoids)


def operations_of(result: torch.Tensor) -> set[str]:
    """The plain names of the operations in a tensor's graph.

    >>> w = torch.ones(2, requires_grad=True)
    >>> sorted(operations_of((w * 2).sum()))
    ['Mul', 'Sum']
    """
    names = {type(node).__name__ for node in graph_nodes(result.grad_fn)}
    return {plain_name(name) for name in names if name != "AccumulateGrad"}


def _demand_whole(tensor: torch.Tensor, name: str, leaves: Mapping[str, Any]) -> None:
    if not tensor.requires_grad:
        why = "it was cut off from the graph (detach, .data, .item(), no_grad?), or nothing in it requires gradients"
        raise CheckFailed(f"`{name}` does not require gradients: {why}")
    found = _gradients(tensor, leaves)
    for label, grad in found.items():
        if grad is None:
            raise CheckFailed(f"`{name}` does not depend on `{label}`: no gradient reaches it")


def _demand_cut(tensor: torch.Tensor, name: str, leaves: Mapping[str, Any] | None) -> None:
    if not tensor.requires_grad:
        return
    if leaves is None:
        raise CheckFailed(f"`{name}` requires gradients, and it should be cut off from the graph: detach() does that")
    for label, grad in _gradients(tensor, leaves).items():
        if grad is not None and bool(grad.any()):
            raise CheckFailed(f"a gradient flows from `{name}` to `{label}`, and it should not")


def _gradients(tensor: torch.Tensor, leaves: Mapping[str, Any]) -> dict[str, torch.Tensor | None]:
    asked = {}
    for label, leaf in leaves.items():
        plain = as_tensor(leaf, label, must="be a tensor that requires gradients")
        if not plain.requires_grad:
            raise should_be(f"`{label}`", "be a tensor that requires gradients", leaf)
        asked[label] = plain
    if not asked:
        return {}
    ones = torch.ones_like(tensor)
    try:
        found = torch.autograd.grad(tensor, list(asked.values()), ones, retain_graph=True, allow_unused=True)
    except RuntimeError as error:
        if "second time" not in str(error):
            raise
        said = "its graph was used up: a backward pass over it ran already (retain_graph=True keeps it)"
        raise CheckFailed(f"no gradients can be taken of `{name_of(tensor)}`: {said}") from error
    return dict(zip(asked, found, strict=True))


def name_of(tensor: torch.Tensor) -> str:
    """The result's operation, to name it by."""
    return plain_name(type(tensor.grad_fn).__name__)


def _demand_operations(tensor: torch.Tensor, name: str, uses: Sequence[str], avoids: Sequence[str]) -> None:
    found = operations_of(tensor)
    shown = ", ".join(sorted(found)) or "none"
    for operation in uses:
        if operation not in found:
            raise CheckFailed(f"`{name}` should be computed with {operation}; its graph has {shown}")
    for operation in avoids:
        if operation in found:
            raise CheckFailed(f"`{name}` should be computed without {operation}; its graph has {shown}")
