"""From the facts of graphs to one GraphRecord: numbering, folding, roles, gradients as text."""

from __future__ import annotations

from collections.abc import Sequence

from torchmagic.graph_records import GraphEdge, GraphNode, GraphRecord
from torchmagic.observe.graph_ops import plain_name
from torchmagic.observe.graph_walk import OpFact, Place, Skeleton, TensorFact


def build_record(
    skeletons: Sequence[Skeleton], *, backward_ran: bool = False, notes: Sequence[str] = ()
) -> GraphRecord:
    """One record of one or several graphs; each graph keeps its own nodes."""
    nodes: list[GraphNode] = []
    edges: list[GraphEdge] = []
    roots: list[str] = []
    for skeleton in skeletons:
        _Builder(skeleton, nodes, edges, backward_ran).build(roots)
    return GraphRecord(tuple(nodes), tuple(edges), tuple(roots), backward_ran, tuple(dict.fromkeys(notes)))


class _Builder:
    """Adds the nodes and edges of one skeleton to growing lists."""

    def __init__(self, skeleton: Skeleton, nodes: list[GraphNode], edges: list[GraphEdge], backward_ran: bool) -> None:
        self.skeleton = skeleton
        self.nodes = nodes
        self.edges = edges
        self.grad_of = _gradient_of(skeleton) if backward_ran else ""
        self.ids: dict[Place, str] = {}
        self.data_ids: dict[int, str] = {}
        self.folded = _linear_transposes(skeleton)

    def build(self, roots: list[str]) -> None:
        for number, op in enumerate(self.skeleton.ops):
            if not op.grad_fn:
                self.ids[number, 0] = self._tensor(op.outputs[0], None, (number, 0) in self.skeleton.roots)
            elif number not in self.folded:
                self._operation(number, op)
        roots.extend(self.ids[place] for place in self.skeleton.roots)

    def _operation(self, number: int, op: OpFact) -> None:
        for fact in op.data:
            if id(fact) not in self.data_ids:
                self.data_ids[id(fact)] = self._tensor(fact, None, False)
        label = plain_name(op.grad_fn)
        if label == "Addmm" and any(place and place[0] in self.folded for place in op.inputs):
            label = "Linear"
        ident = self._add(GraphNode(self._next_id(), "operation", label, grad_fn=op.grad_fn, detail=op.detail))
        op.node = ident
        waiting = [self.data_ids[id(fact)] for fact in op.data]
        sources: list[str] = []
        for place in op.inputs:  # data operands fill the inputs that take no gradient, in order
            if place is not None:
                sources.append(self.ids[self.folded.get(place[0], place)])
            elif waiting:
                sources.append(waiting.pop(0))
        sources += waiting
        if label == "Linear":  # addmm is given the bias first
            sources = [*sources[1:], sources[0]]
        self.edges.extend(GraphEdge(source, ident) for source in sources)
        for output in sorted(op.outputs):
            is_root = (number, output) in self.skeleton.roots
            self.ids[number, output] = self._tensor(op.outputs[output], op.grad_fn, is_root)
            self.edges.append(GraphEdge(ident, self.ids[number, output]))

    def _tensor(self, fact: TensorFact, grad_fn: str | None, is_root: bool) -> str:
        fact.node = self._next_id()
        return self._add(
            GraphNode(
                fact.node,
                "tensor",
                fact.name,
                role="result" if is_root and fact.role == "intermediate" else fact.role,
                grad_fn=grad_fn,
                shape=fact.shape,
                dtype=fact.dtype,
                value_text=None if fact.value is None else fact.value.text(),
                grad_text=None if fact.grad is None else fact.grad.brief(),
                value=None if fact.value is None else fact.value.number(),
                grad=None if fact.grad is None else fact.grad.number(),
                grad_norm=None if fact.grad is None else fact.grad.norm(),
                grad_of=self.grad_of if fact.grad is not None else "",
            )
        )

    def _next_id(self) -> str:
        return f"n{len(self.nodes) + 1}"

    def _add(self, node: GraphNode) -> str:
        self.nodes.append(node)
        return node.id


def _gradient_of(skeleton: Skeleton) -> str:
    """The name of the one scalar root, or "" where there is none."""
    if len(skeleton.roots) != 1:
        return ""
    number, output = skeleton.roots[0]
    fact = skeleton.ops[number].outputs[output]
    return fact.name if fact.shape == () else ""


def _linear_transposes(skeleton: Skeleton) -> dict[int, Place]:
    """The transposes of a weight inside ``functional.linear``: their number and where the weight is."""
    users: dict[int, list[int]] = {}
    for number, op in enumerate(skeleton.ops):
        for place in op.inputs:
            if place is not None:
                users.setdefault(place[0], []).append(number)
    folded: dict[int, Place] = {}
    for number, op in enumerate(skeleton.ops):
        given = op.inputs[0] if op.grad_fn == "TBackward0" else None
        by = users.get(number, [])
        if given is None or len(by) != 1 or any(fact.name for fact in op.outputs.values()):
            continue
        user = skeleton.ops[by[0]]
        last = user.inputs[-1]
        if user.grad_fn == "AddmmBackward0" and last is not None and last[0] == number:
            folded[number] = given
    return folded
