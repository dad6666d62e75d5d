"""Walk autograd's graph from its roots to its leaves, once and without recursion, into plain facts."""

from __future__ import annotations

import heapq
import weakref
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import torch
from torch.autograd.graph import get_gradient_edge

from torchmagic.graph_records import Role
from torchmagic.observe import graph_ops, values

if TYPE_CHECKING:
    from torchmagic.observe.graph_facts import Call

_Parameter = torch.nn.Parameter
_jagged = torch.jagged

Place = tuple[int, int]
"""An operation's number in its graph and which of its outputs; leaves are operations that compute nothing."""


@dataclass(slots=True)
class TensorFact:
    """What is known of one tensor of the graph; holds copies and a weak reference, never the tensor.

    ``node`` is the id of its node in the record, once that is built; ``passes`` how many backward passes a leaf's
    ``.grad`` is the sum of.
    """

    role: Role
    name: str = ""
    shape: tuple[int, ...] | None = None
    dtype: str | None = None
    value: values.Reading | None = None
    grad: values.Reading | None = None
    ref: weakref.ref[torch.Tensor] | None = None
    version: int = 0
    nbytes: int | None = None
    node: str = ""
    passes: int = 0

    def alive(self) -> torch.Tensor | None:
        """The tensor itself, while the user still holds it."""
        return None if self.ref is None else self.ref()


@dataclass(slots=True)
class OpFact:
    """One autograd node: ``grad_fn`` is "" for a leaf, whose tensor is output 0.

    Attributes:
        key: the node's sequence number in its thread (-1 for leaves), which outlives the node.
        inputs: where each differentiable input comes from; None where autograd keeps none.
        data: operands that take no gradient.
        outputs: facts of its outputs, by output number.
        edge_grads: gradients that flowed back out of its inputs, by their number, where the tensor got others, too.
        call: what was seen of the call that made it.
        node: the id of its node in the record, once that is built.
        saved: what it keeps for its backward pass, where that was asked for.
    """

    grad_fn: str
    key: int
    inputs: Sequence[Place | None] = ()
    data: tuple[TensorFact, ...] = ()
    outputs: dict[int, TensorFact] = field(default_factory=dict)
    detail: str = ""
    edge_grads: dict[int, values.Reading | None] | None = None
    call: Call | None = None
    node: str = ""
    saved: Sequence[Any] = ()


@dataclass(slots=True)
class Skeleton:
    """The facts of one graph: operations in order of computation, leaves first, and where its roots are.

    Attributes:
        folded: what :func:`folded_transposes` found, once it has looked.
        not_finite: number of the first operation whose result was NaN or infinite, where that was looked for.
        how: how its backward pass was run ("backward", "grad", "inputs").
        error: how that ended, where it raised.
        freed: whether it let go of what the operations had saved.
    """

    ops: list[OpFact]
    roots: list[Place]
    folded: dict[int, Place] | None = None
    not_finite: int = -1
    how: str = "backward"
    error: str = ""
    freed: bool = False

    def leaves(self) -> list[TensorFact]:
        """The facts of the leaves, in order of first use."""
        return [op.outputs[0] for op in self.ops if not op.grad_fn]


@dataclass(slots=True)
class Walk:
    """A skeleton with the live nodes it was read from (same numbering). Drop it before the user goes on."""

    skeleton: Skeleton
    nodes: list[Any]
    numbers: dict[Any, int]

    def place(self, tensor: torch.Tensor) -> Place | None:
        """Where a tensor stands in this graph, or None when it is not part of it."""
        node = tensor.grad_fn
        if node is not None:
            number = self.numbers.get(node)
            return None if number is None else (number, tensor.output_nr)
        number = self.numbers.get(id(tensor)) if tensor.requires_grad else None
        return None if number is None else (number, 0)

    def fact(self, place: Place) -> TensorFact:
        """The facts of the tensor at ``place``, made on first use from what its node knows."""
        op = self.skeleton.ops[place[0]]
        fact = op.outputs.get(place[1])
        if fact is None:
            fact = op.outputs[place[1]] = _computed_fact(self.nodes[place[0]], place[1])
        return fact


def _computed_fact(node: Any, output: int) -> TensorFact:
    metadata = getattr(node, "_input_metadata", ())
    if output >= len(metadata):
        return TensorFact("intermediate")
    known = metadata[output]
    shape, dtype, nbytes = _described(tuple(known.shape), known.dtype)
    return TensorFact("intermediate", "", shape, dtype, None, None, None, 0, nbytes)


def _described(shape: Any, dtype: torch.dtype) -> tuple[tuple[int, ...], str, int | None]:
    try:
        return values.described(shape, dtype)
    except TypeError:  # a symbolic or ragged size does not hash
        return values.sizes(shape), values.dtype_text(dtype), None


def leaf_fact(tensor: torch.Tensor, role: Role | None = None) -> TensorFact:
    """The facts of a tensor that no operation computed."""
    if role is None:
        role = "parameter" if isinstance(tensor, _Parameter) else "leaf"
        role = role if tensor.requires_grad else "data"
    shape, dtype, nbytes = _described(tensor.shape, tensor.dtype)
    is_ragged = tensor.layout is _jagged
    return TensorFact(
        role,
        "",
        None if is_ragged else shape,
        dtype,
        values.read_small(tensor),
        None,
        weakref.ref(tensor),
        0 if tensor.is_inference() else tensor._version,
        None if is_ragged else nbytes,
    )


def version_of(tensor: torch.Tensor) -> int:
    """How often the tensor was changed in place (0 for inference tensors, which do not count)."""
    return 0 if tensor.is_inference() else tensor._version


def walk(roots: Sequence[torch.Tensor]) -> Walk:
    """The graph below ``roots``, tensors that have a grad_fn or are leaves that require gradients."""
    found: dict[Any, tuple[Any, ...]] = {}
    stack: list[Any] = [get_gradient_edge(root).node for root in roots]
    while stack:
        node = stack.pop()
        if node not in found:
            edges = found[node] = node.next_functions
            for given, _ in edges:
                if given is not None and given not in found:
                    stack.append(given)
    nodes = _in_order(found)
    numbers: dict[Any, int] = {}
    ops: list[OpFact] = []
    for number, node in enumerate(nodes):
        numbers[node] = number
        if type(node).__name__ == "AccumulateGrad":
            variable = node.variable
            numbers[id(variable)] = number
            ops.append(OpFact("", -1, (), (), {0: leaf_fact(variable)}))
            continue
        inputs: list[Place | None] = []
        for given, output in found[node]:
            if given is None:
                inputs.append(None)
                continue
            at = numbers[given]
            inputs.append((at, output))
            outputs = ops[at].outputs
            if output not in outputs:
                outputs[output] = _computed_fact(given, output)
        ops.append(OpFact(graph_ops.class_name(node), node._sequence_nr(), inputs))
    result = Walk(Skeleton(ops, []), nodes, numbers)
    places = [place for root in roots if (place := result.place(root)) is not None]
    for place in places:
        result.fact(place)
    result.skeleton.roots = list(dict.fromkeys(places))
    return result


def _in_order(found: dict[Any, tuple[Any, ...]]) -> list[Any]:
    """Nodes with every input before its users: leaves by first use, then operations as they were computed."""
    computed: list[Any] = []
    leaves: list[Any] = []
    for node in found:
        (leaves if type(node).__name__ == "AccumulateGrad" else computed).append(node)
    computed.sort(key=_number)
    before: dict[Any, None] = {}
    for node in computed:
        for given, _ in found[node]:
            if given is not None and given not in before:
                if type(given).__name__ != "AccumulateGrad":
                    return _in_any_order(found)  # a later number than its user's: of another thread, or a changed view
                before[given] = None
        before[node] = None
    computed_first = dict.fromkeys(node for node in before if _is_leaf(node))
    computed_first.update(dict.fromkeys(leaves))
    return [*computed_first, *computed]


def _number(node: Any) -> int:
    return node._sequence_nr()  # type: ignore[no-any-return]


def _in_any_order(found: dict[Any, tuple[Any, ...]]) -> list[Any]:
    """The same, where the numbers alone do not tell."""
    missing: dict[Any, int] = {}
    users: dict[Any, list[Any]] = {}
    ready: list[tuple[int, int, Any]] = []  # sequence number, tie-break, node
    for node, edges in found.items():
        if _is_leaf(node):
            continue
        inputs = {edge[0] for edge in edges if edge[0] is not None and not _is_leaf(edge[0])}
        missing[node] = len(inputs)
        for given in inputs:
            users.setdefault(given, []).append(node)
        if not inputs:
            heapq.heappush(ready, (node._sequence_nr(), len(missing), node))
    computed: list[Any] = []
    while ready:
        node = heapq.heappop(ready)[2]
        computed.append(node)
        for user in users.get(node, ()):
            missing[user] -= 1
            if missing[user] == 0:
                heapq.heappush(ready, (user._sequence_nr(), len(missing) + len(computed), user))
    used = (edge[0] for node in computed for edge in found[node])
    leaves = dict.fromkeys(given for given in used if given is not None and _is_leaf(given))
    leaves.update(dict.fromkeys(node for node in found if _is_leaf(node)))
    return [*leaves, *computed]


def _is_leaf(node: Any) -> bool:
    return type(node).__name__ == "AccumulateGrad"


def folded_transposes(skeleton: Skeleton) -> dict[int, Place]:
    """The transposes of a weight inside ``functional.linear``: their number and where the weight is.

    The user wrote no transpose and holds none, so none is drawn.
    """
    if skeleton.folded is not None:
        return skeleton.folded
    ops = skeleton.ops
    folded: dict[int, Place] = {}
    skeleton.folded = folded
    if not any(op.grad_fn == "AddmmBackward0" for op in ops):
        return folded
    users = Counter([place[0] for op in ops for place in op.inputs if place is not None])
    for op in ops:
        last = op.inputs[-1] if op.grad_fn == "AddmmBackward0" else None
        if last is None:
            continue
        given = ops[last[0]]
        weight = given.inputs[0] if given.grad_fn == "TBackward0" else None
        if weight is not None and users[last[0]] == 1 and not any(fact.name for fact in given.outputs.values()):
            folded[last[0]] = weight
    return folded
