"""Put names, values and data operands on the skeleton of a graph."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import torch

from torchmagic.observe import graph_ops, values
from torchmagic.observe.graph_walk import OpFact, Skeleton, TensorFact, Walk, leaf_fact, version_of


@dataclass(slots=True)
class Call:
    """What one call of an operation was given and gave, kept as copies.

    Attributes:
        first: the lowest sequence number that its autograd nodes can have.
        values: its small outputs, by output number.
        data: its operands that take no gradient.
        constants: its plain number operands, in order.
        names: the variables that held its outputs when a later call was given them, by output number.
    """

    first: int
    values: dict[int, values.Reading] = field(default_factory=dict)
    data: list[TensorFact] = field(default_factory=list)
    constants: tuple[str, ...] = ()
    names: dict[int, str] = field(default_factory=dict)


def put_names(walk: Walk, named: Iterable[tuple[str, torch.Tensor]]) -> None:
    """Name the graph's tensors after the variables that hold them; the first name of a tensor stays."""
    for name, tensor in named:
        place = walk.place(tensor)
        if place is None:
            continue
        fact = walk.skeleton.ops[place[0]].outputs.get(place[1]) or walk.fact(place)
        fact.name = fact.name or name
        if fact.value is None:
            fact.value = values.read_small(tensor)
        if fact.grad is None and tensor.grad_fn is not None and tensor.retains_grad and tensor.grad is not None:
            fact.grad = values.read_gradient(tensor.grad)


def put_leaf_gradients(walk: Walk) -> bool:
    """Put on each leaf what its ``.grad`` holds now; True where there was any."""
    found = False
    for op in walk.skeleton.ops:
        if op.grad_fn:
            continue
        fact = op.outputs[0]
        leaf = fact.alive()
        if leaf is not None and leaf.grad is not None:
            fact.grad = values.read_gradient(leaf.grad)
            found = True
    return found


def put_operands(walk: Walk, calls: Mapping[int, Call], names: Mapping[int, str]) -> int:
    """Put data operands and values on the operations, from what was watched and what autograd still keeps.

    Args:
        walk: the graph, alive.
        calls: what was seen of calls, by the sequence number of their last autograd node.
        names: names of data tensors by ``id``.
    Returns: how many operations have an operand that nothing is known of.
    """
    data: dict[tuple[int, int], TensorFact] = {}
    ops = walk.skeleton.ops
    last = {id(calls[op.key]): number for number, op in enumerate(ops) if op.key in calls}
    unknown = 0
    group: list[int] = []  # operations since the last whole call
    for number, op in enumerate(ops):
        if not op.grad_fn:
            continue
        op.detail = graph_ops.arguments(walk.nodes[number])
        call = calls.get(op.key)
        if call is not None:
            _put_values(op, call)
        if call is None or last[id(call)] != number:
            _from_saved(walk, number, data, names)
            group.append(number)
            unknown += call is None and None in op.inputs and not op.data and not op.detail
            continue
        members = [n for n in group if ops[n].key >= call.first]
        if members:
            _from_saved(walk, number, data, names)
            _share_out(call, [ops[n] for n in [*members, number]], data)
        else:
            op.data = _distinct(call.data, data)
            if "BatchNorm" in op.grad_fn:  # running statistics are kept beside the computation
                del op.data[op.inputs.count(None) :]
            if not op.detail and len(call.constants) == 1 and len(op.inputs) - op.inputs.count(None) == 1:
                op.detail = graph_ops.constant_text(op.grad_fn, call.constants[0], None in op.inputs[:1])
        group.clear()
    _put_past_names(walk.skeleton, calls)
    return unknown


def _put_past_names(skeleton: Skeleton, calls: Mapping[int, Call]) -> None:
    """Name what variables held before they were bound anew; each name goes to the last tensor that had it."""
    used = {fact.name for op in skeleton.ops for fact in op.outputs.values()}
    for op in reversed(skeleton.ops):
        call = calls.get(op.key) if op.grad_fn else None
        for output, name in call.names.items() if call is not None else ():
            fact = op.outputs.get(output)
            if fact is not None and not fact.name and name not in used:
                fact.name = name
                used.add(name)


def _put_values(op: OpFact, call: Call) -> None:
    for output, reading in call.values.items():
        if output in op.outputs and op.outputs[output].value is None:
            op.outputs[output].value = reading


def _share_out(call: Call, group: Sequence[OpFact], data: dict[tuple[int, int], TensorFact]) -> None:
    """Give the operands of a call of several operations to those that lack one."""
    placed = {id(fact) for op in group for fact in op.data}
    for fact in _distinct(call.data, data):
        lacking = [op for op in group if op.inputs.count(None) > len(op.data)]
        if id(fact) not in placed and lacking:
            lacking[0].data.append(fact)


def _distinct(facts: Sequence[TensorFact], data: dict[tuple[int, int], TensorFact]) -> list[TensorFact]:
    """The facts, each replaced by the one that already stands for the same tensor in this graph."""
    found: list[TensorFact] = []
    for fact in facts:
        tensor = fact.alive()
        found.append(fact if tensor is None else data.setdefault((id(tensor), fact.version), fact))
    return list({id(fact): fact for fact in found}.values())


def _from_saved(walk: Walk, number: int, data: dict[tuple[int, int], TensorFact], names: Mapping[int, str]) -> None:
    op, node = walk.skeleton.ops[number], walk.nodes[number]
    for tensor in graph_ops.saved_inputs(node):
        if tensor.requires_grad:
            _value_of(walk, tensor)
        elif tensor.dim() == 0 and id(tensor) not in names and None in op.inputs:
            _constant(op, tensor)
        else:
            key = (id(tensor), version_of(tensor))
            fact = data.get(key)
            if fact is None:
                fact = data[key] = leaf_fact(tensor, "data")
                fact.name = data_name(tensor, names)
            if all(fact is not known for known in op.data):
                op.data.append(fact)
    result = graph_ops.saved_result(node)
    if result is not None and result.requires_grad:
        _value_of(walk, result)


def data_name(tensor: torch.Tensor, names: Mapping[int, str]) -> str:
    """The name of a data tensor, or of the tensor that it is a view of, or ""."""
    name = names.get(id(tensor), "")
    if name or tensor._base is None:
        return name
    base = names.get(id(tensor._base), "")
    return f"{base} (view)" if base else ""


def _value_of(walk: Walk, tensor: torch.Tensor) -> None:
    place = walk.place(tensor)
    if place is not None:
        fact = walk.fact(place)
        if fact.value is None:
            fact.value = values.read_small(tensor)


def _constant(op: OpFact, tensor: torch.Tensor) -> None:
    reading = values.read_small(tensor)
    number = None if reading is None else reading.number()
    if number is not None and not op.detail:
        op.detail = graph_ops.constant_text(op.grad_fn, values.constant_text(number), op.inputs[0] is None)
