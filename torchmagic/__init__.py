"""See PyTorch while you learn it: the magics, the records behind them, and their pictures.

In a notebook: ``%load_ext torchmagic``, then ``%%tensorinfo`` or ``%%gradtrace`` over a cell.
In a script: :func:`inspect`, :func:`trace`, :func:`gradtrace`, :func:`explain` and :func:`load`.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal, overload

if TYPE_CHECKING:
    from torchmagic.graph_records import GraphRecord
    from torchmagic.records import Explanation, GroupRecord, TensorRecord
    from torchmagic.shown import Shown
    from torchmagic.traced import LiveTraced, Traced

__version__ = "0.1.0"
__all__ = ["explain", "gradtrace", "inspect", "load", "load_ipython_extension", "trace", "unload_ipython_extension"]


def inspect(
    value: object, name: str = "value", *, stats: bool = True, plot: bool = True, depth: int = 5, max_rows: int = 50
) -> TensorRecord | GroupRecord:
    """The facts about a tensor or an array, or the tree of those in a container, module or optimizer.

    Args:
        value: what to look at.
        name: what to call it.
        stats: whether to read the elements.
        plot: whether to make a histogram and a picture of them.
        depth: how many levels of groups within groups to show.
        max_rows: how many tensors and groups to show.

    Raises:
        TorchmagicError: there is no tensor in ``value``.

    >>> import torch
    >>> inspect(torch.arange(3), "x").shape
    (3,)
    >>> inspect({"x": torch.ones(2), "y": torch.ones(3)}, "batch").numel
    5
    """
    from torchmagic.observe.containers import observe_value
    from torchmagic.observe.quiet import uncompiled

    return uncompiled(observe_value)(value, name, stats=stats, plot=plot, depth=depth, max_rows=max_rows)


def load(source: str | os.PathLike[str]) -> Shown:
    """A record that was saved with its ``to_json()``.

    Args:
        source: the JSON text itself, or the path of a file that holds it.

    Raises:
        TorchmagicError: there is no such file, or no record in it.

    >>> import torch
    >>> load(inspect(torch.arange(3), "x").to_json()).name
    'x'
    """
    from torchmagic.saved import from_json, read_source

    record: Shown = from_json(read_source(source))
    return record


def trace(
    *tensors: object,
    saved: bool = False,
    lr: float | None = None,
    names: Mapping[str, object] | None = None,
    **named: object,
) -> GraphRecord:
    """The autograd graph behind tensors, with the gradients that its leaves hold.

    Nothing is run: gradients at every step are seen by :func:`gradtrace`, while a backward pass runs.

    Args:
        tensors: what was computed, such as a loss.
        saved: whether to say what autograd keeps for a backward pass.
        lr: a learning rate, to show the step of gradient descent.
        names: tensors, or what holds them (a module), by the name under which the graph shall show them; the
            variables where this is called, if none are given.
        named: the same, as keywords.

    Raises:
        TorchmagicError: where none of ``tensors`` is a tensor.

    >>> import torch
    >>> a = torch.tensor(2.0, requires_grad=True)
    >>> [node.label for node in trace(a * 3, a=a).nodes]
    ['a', 'Mul', '']
    """
    from torchmagic.observe.graph import trace as observe
    from torchmagic.observe.graph_leaves import with_step
    from torchmagic.traced import caller_variables

    given = {**(names or {}), **named}
    record = observe(*tensors, names=given or caller_variables(), saved=saved)
    return record if lr is None else with_step(record, lr)


@overload
def gradtrace(
    *, forward: bool = ..., saved: bool = ..., check: bool = ..., lr: float | None = ..., live: Literal[False] = ...
) -> Traced: ...
@overload
def gradtrace(*, live: Literal[True]) -> LiveTraced: ...
def gradtrace(
    *, forward: bool = False, saved: bool = False, check: bool = False, lr: float | None = None, live: bool = False
) -> Traced | LiveTraced:
    """Watch a ``with`` block as ``%%gradtrace`` watches a cell: its graph, with the gradient at every step.

    Args:
        forward: list the operations as they ran, with times and bytes.
        saved: say what autograd keeps for the backward pass.
        check: compare the gradients with finite differences.
        lr: a learning rate, to show the step of gradient descent.
        live: look at the steps of a training loop instead: its losses, gradients and updates.

    Returns: a context manager, whose ``record`` is the graph once the block has ended, or the curves of its loop.

    Raises:
        TorchmagicError: ``live`` is given together with something else.

    >>> import torch
    >>> W = torch.tensor(3.0, requires_grad=True)
    >>> with gradtrace() as traced:
    ...     loss = (W * 2 - 10) ** 2
    ...     loss.backward()
    >>> [(node.label, node.grad_text) for node in traced.record.nodes if node.kind == "tensor"]
    [('W', '-16'), ('', '-8'), ('', '-8'), ('loss', '1')]
    """
    from torchmagic.errors import TorchmagicError
    from torchmagic.graph_options import Wanted
    from torchmagic.traced import LiveTraced, Traced

    if live:
        if forward or saved or check or lr is not None:
            raise TorchmagicError("live=True only looks at steps.", hint="Leave out forward, saved, check and lr.")
        return LiveTraced()
    return Traced(Wanted(forward, saved, check, lr))


def explain(error: BaseException | None = None) -> Explanation:
    """Why an operation on tensors failed: the operands that it really had, what clashes, and what to write instead.

    Args:
        error: the exception; the last one that was shown, where none is given.

    Raises:
        TorchmagicError: there was no error, or none that has to do with tensors.

    >>> import torch
    >>> x, W = torch.ones(3, 4), torch.ones(5, 4)
    >>> try:
    ...     x @ W
    ... except RuntimeError as error:
    ...     explanation = explain(error)
    >>> explanation.kind
    'matmul'
    """
    from torchmagic.error_cards import last_error
    from torchmagic.errors import TorchmagicError
    from torchmagic.observe.errors import explain_error

    chosen = last_error() if error is None else error
    if chosen is None:
        raise TorchmagicError("There was no error yet.", hint="Give the exception: torchmagic.explain(error)")
    if not isinstance(chosen, BaseException):
        raise TorchmagicError(f"An exception is explained, not an object of type {type(chosen).__name__}.")
    found = explain_error(chosen)
    if found is None:
        raise TorchmagicError(
            f"This {type(chosen).__name__} did not come from an operation on tensors.",
            hint="Only errors of operations on tensors and of torch's layers are explained.",
        )
    return found


def load_ipython_extension(shell: Any) -> None:
    """Called by ``%load_ext torchmagic``."""
    from torchmagic.loading import load

    load(shell)


def unload_ipython_extension(shell: Any) -> None:
    """Called by ``%unload_ext torchmagic``."""
    from torchmagic.loading import unload

    unload(shell)
