"""What is to be said of each leaf of a graph, and what a step of gradient descent would make of it."""

from __future__ import annotations

from dataclasses import replace

from torchmagic.graph_records import GraphRecord, LeafGradient
from torchmagic.observe.values import number_text


def with_step(record: GraphRecord, lr: float) -> GraphRecord:
    """The record with the step ``new = old - lr * grad`` of each leaf.

    >>> leaf = LeafGradient("W", value=3.0, grad=-16.0, grad_norm=16.0)
    >>> with_step(GraphRecord((), (), leaves=(leaf,)), 0.1).leaves[0].new
    4.6
    """
    return replace(record, lr=lr, leaves=tuple(_stepped(leaf, lr) for leaf in record.leaves))


def _stepped(leaf: LeafGradient, lr: float) -> LeafGradient:
    new = None if leaf.value is None or leaf.grad is None else leaf.value - lr * leaf.grad
    return replace(
        leaf,
        new=new,
        new_text=None if new is None else number_text(new),
        step_norm=None if leaf.grad_norm is None else abs(lr) * leaf.grad_norm,
    )
