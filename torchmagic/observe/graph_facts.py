"""Put names, values and data operands on the skeleton of a graph."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import torch

from torchmagic.observe import graph_ops, values
from torchmagic.observe.graph_modules import Where
from torchmagic.observe.graph_walk import OpFact, Skeleton, TensorFact, Walk, leaf_fact, version_of
from torchmagic.observe.values import Reading

_SMALL_BYTES = values.SMALL * 16


@dataclass(slots=True, eq=False)
class Call:
    """What one call of an operation was given and gave, kept as copies.

    Attributes:
        first, last: the sequence numbers that its autograd nodes have, both included.
        place: file and line of the user's, and the call of a module that it was made in.
        seen: False for nodes of which only the place is known.
        data: its operands that take no gradient.
        constants: its plain number operands, in order.
        values: its small outputs, by sequence number and output number.
        names: the variables that held its outputs when a later call was given them, by the same.
        order: of the graph that it belongs to: 1 for the graph of a backward pass, and so on.
    """

    first: int
    last: int
    place: Where = ("", None, None)
    seen: bool = True
    data: tuple[TensorFact, ...] = ()
    constants: tuple[float, ...] = ()
    values: dict[tuple[int, int], Reading] | None = None
    names: dict[tuple[int, int], str] | None = None
    order: int = 0

    def keep_value(self, key: int, output: int, reading: Reading) -> None:
        """Keep the elements of an output."""
        self.values = {**(self.values or {}), (key, output): reading}

    def keep_name(self, key: int, output: int, name: str) -> None:
        """Keep the name of a variable that holds an output; the first stays."""
        self.names = {(key, output): name, **(self.names or {})}


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


def put_calls(walk: Walk, calls: Mapping[int, Call]) -> None:
    """Put on each operation the call that made it, where that was seen."""
    if not calls:
        return
    lasts = list(calls)  # ascending
    for op in walk.skeleton.ops:
        if not op.grad_fn:
            continue
        call = calls.get(op.key)
        if call is None:  # one of the other nodes of a call
            at = bisect_left(lasts, op.key)
            call = calls[lasts[at]] if at < len(lasts) else None
        if call is not None and call.first <= op.key <= call.last:
            op.call = call


def put_operands(walk: Walk, names: Mapping[int, str]) -> int:
    """Put data operands and values on the operations, from what was watched and what autograd still keeps.

    Args:
        walk: the graph, alive, with its calls.
        names: names of data tensors by ``id``.
    Returns: how many operations have an operand that nothing is known of.
    """
    data: dict[tuple[int, int], TensorFact] = {}
    ops = walk.skeleton.ops
    members: dict[int, list[OpFact]] = {}
    for op in ops:
        if op.call is not None and op.call.seen:
            members.setdefault(id(op.call), []).append(op)
    unknown = 0
    for number, op in enumerate(ops):
        if not op.grad_fn:
            continue
        op.detail = graph_ops.arguments(walk.nodes[number])
        call = op.call
        if call is None or not call.seen:
            _from_saved(walk, number, data, names)
            unknown += call is None and None in op.inputs and not op.data and not op.detail
            continue
        if call.values:
            _put_values(op, call)
        group = members[id(call)]
        if len(group) > 1:
            if None in op.inputs or _takes_small(ops, op):
                _from_saved(walk, number, data, names)
            if group[-1] is op:
                _share_out(call, group, data)
            continue
        if call.data:
            op.data = _distinct(call.data, data)
            if "BatchNorm" in op.grad_fn:  # running statistics are kept beside the computation
                op.data = op.data[: op.inputs.count(None)]
        if not op.detail and len(call.constants) == 1 and len(op.inputs) - op.inputs.count(None) == 1:
            constant = values.constant_text(call.constants[0])
            op.detail = graph_ops.constant_text(op.grad_fn, constant, None in op.inputs[:1])
    _put_past_names(walk.skeleton)
    return unknown


def _takes_small(ops: Sequence[OpFact], op: OpFact) -> bool:
    """Whether an operation inside a call may have kept elements that would be shown."""
    for place in op.inputs:
        if place is not None:
            fact = ops[place[0]].outputs[place[1]]
            if fact.value is None and (fact.nbytes or 0) <= _SMALL_BYTES:
                return True
    return False


def _put_past_names(skeleton: Skeleton) -> None:
    """Name what variables held before they were bound anew; each name goes to the last tensor that had it."""
    used = {fact.name for op in skeleton.ops for fact in op.outputs.values()}
    for op in reversed(skeleton.ops):
        if op.call is None or not op.call.names:
            continue
        for (key, output), name in op.call.names.items():
            fact = op.outputs.get(output)
            if key == op.key and fact is not None and not fact.name and name not in used:
                fact.name = name
                used.add(name)


def _put_values(op: OpFact, call: Call) -> None:
    for (key, output), reading in (call.values or {}).items():
        if key == op.key and output in op.outputs and op.outputs[output].value is None:
            op.outputs[output].value = reading


def _share_out(call: Call, group: Sequence[OpFact], data: dict[tuple[int, int], TensorFact]) -> None:
    """Give the operands of a call of several operations to those that lack one."""
    placed = {id(fact) for op in group for fact in op.data}
    for fact in _distinct(call.data, data):
        lacking = [op for op in group if op.inputs.count(None) > len(op.data)]
        if id(fact) not in placed and lacking:
            lacking[0].data = (*lacking[0].data, fact)


def _distinct(facts: Sequence[TensorFact], data: dict[tuple[int, int], TensorFact]) -> tuple[TensorFact, ...]:
    """The facts, each replaced by the one that already stands for the same tensor in this graph."""
    found: list[TensorFact] = []
    for fact in facts:
        tensor = fact.alive()
        found.append(fact if tensor is None else data.setdefault((id(tensor), fact.version), fact))
    return tuple({id(fact): fact for fact in found}.values())


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
                op.data = (*op.data, fact)
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
