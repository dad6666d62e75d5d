"""Run a piece of code as a cell under the watch, and look things up in the record that it gives."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from torchmagic.graph_records import GraphNode, GraphRecord
from torchmagic.observe.graph import GraphWatch

NOTES = """
a = torch.tensor(2., requires_grad=True)
b = torch.tensor(3., requires_grad=True)
x = torch.tensor(4.)
y = a + b
z = x * y
"""


def fresh() -> dict[str, Any]:
    """A user's namespace with the usual imports."""
    return {"__name__": "__main__", "torch": torch, "nn": nn, "F": nn.functional}


def run(source: str, namespace: dict[str, Any]) -> None:
    """Run code as a cell would: module-level, in the namespace."""
    exec(compile(source, "<cell>", "exec"), namespace)


def watched(source: str, namespace: dict[str, Any] | None = None) -> GraphRecord:
    """The record of a cell that builds a graph; an exception of the cell is kept to itself."""
    record = watched_or_none(source, namespace)
    assert record is not None
    return record


def watched_or_none(source: str, namespace: dict[str, Any] | None = None) -> GraphRecord | None:
    namespace = fresh() if namespace is None else namespace
    before = dict(namespace)
    watch = GraphWatch()
    try:
        with watch:
            run(source, namespace)
    except (Exception, KeyboardInterrupt):
        pass
    touched = [name for name in namespace if namespace[name] is not before.get(name)]
    return watch.record(namespace, touched)


def tensor_named(record: GraphRecord, name: str) -> GraphNode:
    """The one tensor of that name."""
    (found,) = [node for node in record.nodes if node.kind == "tensor" and node.label == name]
    return found


def names(record: GraphRecord) -> list[str]:
    """The names of the tensors that have one, sorted."""
    return sorted(node.label for node in record.nodes if node.kind == "tensor" and node.label)


def operations(record: GraphRecord) -> list[str]:
    """The plain names of the operations, in order."""
    return [node.label for node in record.nodes if node.kind == "operation"]
