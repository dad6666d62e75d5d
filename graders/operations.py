"""Count the operations in a result's graph, in this process or another: a loop over rows makes more for more rows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch

from graders.answers import as_tensor, call, is_tensor, tensors_in
from graders.failure import CheckFailed

_ROWS = (4, 12)


def graph_nodes(root: Any, most: int = 5000) -> list[Any]:
    """The nodes that a ``grad_fn`` leads to, each once, without recursion.

    >>> x = torch.ones(2, requires_grad=True)
    >>> [type(node).__name__ for node in graph_nodes((x * 2).grad_fn)]
    ['MulBackward0', 'AccumulateGrad']
    """
    if root is None:
        return []
    found = {id(root): root}
    waiting = [root]
    for node in waiting:
        for following, _ in node.next_functions:
            if following is not None and id(following) not in found and len(found) < most:
                found[id(following)] = following
                waiting.append(following)
    return waiting


def count_operations(result: Any) -> int | None:
    """How many operations a result's graph has; None where it hangs on none."""
    roots = [tensor.grad_fn for _, tensor in tensors_in(result) if tensor.requires_grad and tensor.grad_fn is not None]
    if not roots:
        return None
    nodes = {id(node): node for root in roots for node in graph_nodes(root)}
    return sum(type(node).__name__ != "AccumulateGrad" for node in nodes.values())


def demand_no_loop(
    f: Callable[..., Any], reference: Callable[..., Any] | None, tried: Sequence[tuple[Any, ...]], name: str
) -> None:
    """Demand that more rows do not mean more operations.

    Raises:
        CheckFailed: they do.
    """
    grown = _grown(tried, reference)
    if grown is None:
        return
    counts = [count_operations(call(f, arguments, name)) for arguments in grown]
    if counts[0] is None or counts[1] is None:
        if reference is not None and count_operations(reference(*grown[0])) is not None:
            raise CheckFailed(f"The result of `{name}` lost its connection to its inputs (.item(), .tolist(), detach?)")
        return
    if counts[1] > counts[0]:
        said = f"{counts[0]} operations for {_ROWS[0]} rows, {counts[1]} for {_ROWS[1]}"
        raise CheckFailed(f"`{name}` should work on all rows at once, without a Python loop over them: it needs {said}")


def _grown(tried: Sequence[tuple[Any, ...]], reference: Callable[..., Any] | None) -> list[list[Any]] | None:
    """The arguments of one example with few and with many rows; None where no example has rows."""
    for arguments in tried:
        rows = {
            item.shape[0] for item in arguments if is_tensor(item) and as_tensor(item, "").dim() and item.shape[0] > 0
        }
        if not rows:
            continue
        first = next(item.shape[0] for item in arguments if is_tensor(item) and item.dim() and item.shape[0] > 0)
        for together in (True, False):
            made = [_repeat(arguments, first, count, together) for count in _ROWS]
            try:
                for attempt in made if reference is not None else ():
                    reference(*attempt)  # type: ignore[misc]
            except Exception:  # these arguments do not grow together
                continue
            return made
    return None


def _repeat(arguments: tuple[Any, ...], rows: int, count: int, together: bool) -> list[Any]:
    made: list[Any] = []
    done = False
    for item in arguments:
        if not is_tensor(item):
            made.append(item)
            continue
        grows = item.dim() > 0 and item.shape[0] == rows and (together or not done)
        done = done or grows
        copy = item.detach()
        copy = copy[torch.arange(count) % rows].clone() if grows else copy.clone()
        made.append(copy.requires_grad_() if copy.is_floating_point() or copy.is_complex() else copy)
    return made
