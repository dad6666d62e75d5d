"""See PyTorch while you learn it: the magics, the records behind them, and their pictures.

In a notebook: ``%load_ext torchmagic``, then ``%%tensorinfo`` or ``%%gradtrace`` over a cell.
In a script: :func:`inspect` and :func:`trace`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torchmagic.records import GraphRecord, Inspection

__version__ = "0.1.0"
__all__ = ["inspect", "load_ipython_extension", "trace", "unload_ipython_extension"]


def inspect(value: object, name: str = "value", *, stats: bool = True) -> Inspection:
    """The facts about a tensor, an array, or every tensor in a container, module or optimizer.

    Args:
        value: what to look at.
        name: what to call it.
        stats: whether to read the elements.

    Raises:
        TorchmagicError: there is no tensor in ``value``.

    >>> import torch
    >>> inspect(torch.arange(3), "x").tensors[0].shape
    (3,)
    """
    from torchmagic.observe.containers import observe_all

    return observe_all({name: value}, stats=stats)


def trace(*tensors: object, **names: object) -> GraphRecord:
    """The autograd graph behind tensors.

    Args:
        tensors: what was computed, such as a loss.
        names: tensors by the name under which the graph shall show them.

    Raises:
        TorchmagicError: where none of ``tensors`` is a tensor.

    >>> import torch
    >>> a = torch.tensor(2.0, requires_grad=True)
    >>> [node.label for node in trace(a * 3, a=a).nodes]
    ['a', 'Mul', '']
    """
    from torchmagic.observe.graph import trace as observe

    return observe(*tensors, names=names)


def load_ipython_extension(shell: Any) -> None:
    """Called by ``%load_ext torchmagic``."""
    from torchmagic.magics import load

    load(shell)


def unload_ipython_extension(shell: Any) -> None:
    """Called by ``%unload_ext torchmagic``."""
    from torchmagic.magics import unload

    unload(shell)
