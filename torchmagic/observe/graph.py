"""The autograd graph as a record: of tensors at hand (trace), or of a cell while it runs (GraphWatch)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch

from torchmagic.errors import TorchmagicError
from torchmagic.graph_records import GraphRecord
from torchmagic.observe import names as name_finder
from torchmagic.observe.graph_build import build_record
from torchmagic.observe.graph_facts import put_leaf_gradients, put_names, put_operands
from torchmagic.observe.graph_saved import Saved
from torchmagic.observe.graph_walk import OpFact, leaf_fact, walk
from torchmagic.observe.graph_watch import GraphWatch, hide_own_frames

__all__ = ["GraphWatch", "hide_own_frames", "trace"]


def trace(*tensors: object, names: Mapping[str, object], saved: bool = False) -> GraphRecord:
    """The autograd graph that leads to the given tensors, from what autograd and the variables still hold.

    Args:
        tensors: the tensors (a loss, an output), or lists, tuples, dicts of tensors.
        names: the user's variables, to label tensors by.
        saved: whether to say what autograd keeps for a backward pass.

    Raises:
        TorchmagicError: where none of ``tensors`` is a tensor.

    >>> import torch
    >>> a = torch.tensor(2.0, requires_grad=True)
    >>> y = a + 3
    >>> [node.label for node in trace(y, names={"a": a, "y": y}).nodes]
    ['a', 'Add', 'y']
    """
    with torch._C.DisableTorchFunction():  # a subclass of the user's is not to notice
        return _trace(tensors, names, Saved() if saved else None)


def _trace(tensors: Sequence[object], names: Mapping[str, object], saved: Saved | None) -> GraphRecord:
    roots = [tensor for _, tensor in name_finder.named_tensors({"it": list(tensors)})]
    if not roots:
        kinds = ", ".join(dict.fromkeys(type(each).__name__ for each in tensors)) or "nothing"
        raise TorchmagicError(
            f"A graph is drawn from tensors; what was given is {kinds}.",
            hint="Name a tensor that was computed, such as a loss: %gradtrace loss",
        )
    named = name_finder.named_tensors(names)
    notes: list[str] = []
    graph = walk([root for root in roots if root.requires_grad])
    data_names = {id(tensor): name for name, tensor in reversed(named)}
    for root in roots:
        if not root.requires_grad:
            fact = leaf_fact(root, "data")
            fact.name = data_names.get(id(root), "")
            graph.skeleton.roots.append((len(graph.skeleton.ops), 0))
            graph.skeleton.ops.append(OpFact("", -1, outputs={0: fact}))
            subject = fact.name or "The tensor"
            notes.append(f"{subject} does not require gradients: autograd kept no graph of it.")
        elif root.grad_fn is None:
            subject = data_names.get(id(root)) or "The tensor"
            notes.append(f"{subject} is a leaf: no operation computed it.")
    put_names(graph, named)
    unknown = put_operands(graph, data_names)
    if put_leaf_gradients(graph):
        notes.append(
            "Gradients are what .grad holds now, which only leaves keep. "
            "Run the backward pass under %%gradtrace to see them at every step."
        )
    if unknown:
        notes.append("Operands that autograd did not keep are left out; %%gradtrace over the cell shows them.")
    if saved is None:
        return build_record([graph.skeleton], notes=notes)
    saved.put(graph)
    return saved.on(build_record([graph.skeleton], notes=notes), [graph.skeleton])
