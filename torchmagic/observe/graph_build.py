"""From the facts of graphs to one GraphRecord: numbering, folding, roles, gradients as text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from torchmagic.graph_records import GraphEdge, GraphModule, GraphNode, GraphRecord
from torchmagic.observe.graph_groups import group_records
from torchmagic.observe.graph_ops import plain_name
from torchmagic.observe.graph_walk import OpFact, Place, Skeleton, TensorFact, folded_transposes
from torchmagic.observe.quick_records import maker
from torchmagic.observe.values import Reading, number_text

_node = maker(GraphNode)
_edge = maker(GraphEdge)
_NOWHERE = ("", None, None)


def build_record(
    skeletons: Sequence[Skeleton], *, backward_ran: bool = False, notes: Sequence[str] = ()
) -> GraphRecord:
    """One record of one or several graphs; each graph keeps its own nodes."""
    nodes: list[GraphNode] = []
    edges: list[GraphEdge] = []
    roots: list[str] = []
    modules: list[GraphModule] = []
    for skeleton in skeletons:
        groups, ids = group_records(skeleton, len(modules))
        modules += groups
        _Builder(skeleton, nodes, edges, ids, backward_ran).build(roots)
    distinct = tuple(dict.fromkeys(notes))
    return GraphRecord(tuple(nodes), tuple(edges), tuple(roots), backward_ran, distinct, tuple(modules))


_Grad = tuple[str | None, float | None, float | None]
"""A gradient as records say it: its text, the number of a single element, its norm."""

_NO_GRAD: _Grad = (None, None, None)


class _Builder:
    """Adds the nodes and edges of one skeleton to growing lists."""

    def __init__(
        self,
        skeleton: Skeleton,
        nodes: list[GraphNode],
        edges: list[GraphEdge],
        groups: Mapping[int, str],
        backward_ran: bool,
    ) -> None:
        self.skeleton = skeleton
        self.nodes = nodes
        self.edges = edges
        self.groups = groups
        self.grad_of = _gradient_of(skeleton) if backward_ran else ""
        self.ids: dict[Place, str] = {}
        self.grads: dict[Place, _Grad] = {}
        self.data_ids: dict[int, str] = {}
        self.folded = folded_transposes(skeleton)

    def build(self, roots: list[str]) -> None:
        for number, op in enumerate(self.skeleton.ops):
            if not op.grad_fn:
                self._tensor((number, 0), op.outputs[0], None, "", 0)
            elif number not in self.folded:
                self._operation(number, op)
        roots.extend(self.ids[place] for place in self.skeleton.roots)

    def _operation(self, number: int, op: OpFact) -> None:
        for fact in op.data:
            if id(fact) not in self.data_ids:
                self.data_ids[id(fact)] = self._add_tensor(fact, "data", None, "", 0, _NO_GRAD)
        call = op.call
        filename, line, inside = _NOWHERE if call is None else call.place
        order = 0 if call is None else call.order
        module = self.groups.get(id(inside), "")
        label = plain_name(op.grad_fn)
        if label == "Addmm" and any(place and place[0] in self.folded for place in op.inputs):
            label = "Linear"
        ident = op.node = f"n{len(self.nodes) + 1}"
        self.nodes.append(
            _node(
                *(ident, "operation", label, "intermediate", op.grad_fn, None, None, None, None, op.detail),
                *(None, None, None, "", module, filename, line, order),
            )
        )
        self._edges_into(ident, op, is_linear=label == "Linear")
        for output in sorted(op.outputs) if len(op.outputs) > 1 else op.outputs:
            place = (number, output)
            self._tensor(place, op.outputs[output], op.grad_fn, module, order)
            grad = self.grads[place]
            self.edges.append(_edge(ident, self.ids[place], "", grad[0], grad[2]))

    def _edges_into(self, ident: str, op: OpFact, *, is_linear: bool) -> None:
        waiting = [self.data_ids[id(fact)] for fact in op.data]
        edges: list[GraphEdge] = []
        for index, place in enumerate(op.inputs):  # data operands fill the inputs that take no gradient, in order
            if place is not None:
                edges.append(self._edge_from(place, op, index, ident))
            elif waiting:
                edges.append(_edge(waiting.pop(0), ident))
        edges += [_edge(source, ident) for source in waiting]
        if is_linear:  # addmm is given the bias first
            edges.append(edges.pop(0))
        self.edges += edges

    def _edge_from(self, place: Place, op: OpFact, index: int, ident: str) -> GraphEdge:
        known = op.edge_grads
        origin = self.folded.get(place[0])
        if origin is not None:
            known, index, place = self.skeleton.ops[place[0]].edge_grads, 0, origin
        if known is None or index not in known:
            grad = self.grads[place]
        else:
            reading = known[index]
            grad = _NO_GRAD if reading is None else _grad(reading)
        return _edge(self.ids[place], ident, "", grad[0], grad[2])

    def _tensor(self, place: Place, fact: TensorFact, grad_fn: str | None, module: str, order: int) -> None:
        role = "result" if fact.role == "intermediate" and place in self.skeleton.roots else fact.role
        grad = self.grads[place] = _NO_GRAD if fact.grad is None else _grad(fact.grad)
        self.ids[place] = self._add_tensor(fact, role, grad_fn, module, order, grad)

    def _add_tensor(
        self, fact: TensorFact, role: str, grad_fn: str | None, module: str, order: int, grad: _Grad
    ) -> str:
        ident = fact.node = f"n{len(self.nodes) + 1}"
        value = fact.value
        self.nodes.append(
            _node(
                ident,
                "tensor",
                fact.name,
                role,
                grad_fn,
                fact.shape,
                fact.dtype,
                None if value is None else value.text(),
                grad[0],
                "",
                None if value is None else value.number(),
                grad[1],
                grad[2],
                self.grad_of if grad[0] is not None else "",
                module,
                "",
                None,
                order,
                fact.nbytes,
            )
        )
        return ident


def _grad(reading: Reading) -> _Grad:
    if reading.is_norm:
        norm = reading.norm()
        return f"norm {number_text(norm)}", None, norm
    return reading.brief(), reading.number(), reading.norm()


def _gradient_of(skeleton: Skeleton) -> str:
    """The name of the one scalar root, or "" where there is none."""
    if len(skeleton.roots) != 1:
        return ""
    number, output = skeleton.roots[0]
    fact = skeleton.ops[number].outputs[output]
    return fact.name if fact.shape == () else ""
