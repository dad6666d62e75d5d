"""How a gradient flows through a record's graph: what arrives at each operation, and what that passes back."""

from __future__ import annotations

import math
from collections.abc import Iterable

from torchmagic.graph_records import GraphNode, GraphRecord


class Flow:
    """A record's graph with its gradients, to be asked.

    Attributes:
        record: the record.
        nodes: its nodes, by id.
        users, inputs: ids of the nodes that follow a node, and that it follows.

    >>> from torchmagic.graph_records import GraphEdge
    >>> y = GraphNode("2", "tensor", "y", grad_norm=3.0)
    >>> flow = Flow(GraphRecord((GraphNode("1", "operation", "Mul"), y), (GraphEdge("1", "2"),)))
    >>> flow.arriving("1")
    3.0
    """

    def __init__(self, record: GraphRecord) -> None:
        self.record = record
        self.nodes = {node.id: node for node in record.nodes}
        self.users: dict[str, list[str]] = {}
        self.inputs: dict[str, list[str]] = {}
        self._edge: dict[tuple[str, str], float] = {}
        for edge in record.edges:
            if edge.source in self.nodes and edge.target in self.nodes:
                self.users.setdefault(edge.source, []).append(edge.target)
                self.inputs.setdefault(edge.target, []).append(edge.source)
                if edge.grad_norm is not None and self.nodes[edge.target].kind == "operation":
                    self._edge[edge.source, edge.target] = edge.grad_norm
        self._arrived: dict[str, float | None] = {}

    def arriving(self, operation: str) -> float | None:
        """The norm of the gradient that came to an operation's outputs."""
        if operation not in self._arrived:
            found = [self.nodes[each].grad_norm for each in self.users.get(operation, ())]
            known = [each for each in found if each is not None]
            self._arrived[operation] = math.hypot(*known) if known else None
        return self._arrived[operation]

    def passed(self, tensor: str, operation: str) -> float | None:
        """The norm of what an operation passed back to an input; of all that came there, where no more is known."""
        found = self._edge.get((tensor, operation))
        return self.nodes[tensor].grad_norm if found is None else found

    def above(self, leaf: str) -> Iterable[str]:
        """The operations between a leaf and the roots, nearest first."""
        level, seen = [leaf], {leaf}
        while level:
            following: list[str] = []
            for each in level:
                if self.nodes[each].kind == "operation":
                    yield each
                for user in self.users.get(each, ()):
                    if user not in seen:
                        seen.add(user)
                        following.append(user)
            level = following

    def onward(self, tensor: str) -> str | None:
        """The operation to which a tensor goes on; where there are several, that at which most of the gradient came."""
        found, most = None, 0.0
        for each in self.users.get(tensor, ()):
            arriving = self.arriving(each) if self.nodes[each].kind == "operation" else None
            if arriving is not None and arriving > most:
                found, most = each, arriving
        return found

    def forward_origin(self) -> GraphNode | None:
        """The first operation whose result is known not to be finite, of operands that are not known to be so."""
        for node in self.record.nodes:
            if node.kind == "operation":
                out = [self.nodes[each].value_text for each in self.users.get(node.id, ())]
                given = [self.nodes[each].value_text for each in self.inputs.get(node.id, ())]
                if any(map(not_finite_text, out)) and not any(map(not_finite_text, given)):
                    return node
        return None


def called(node: GraphNode) -> str:
    """An operation by its name and line."""
    return f"{node.label} on line {node.line}" if node.line else node.label


def all_zero(text: str) -> bool:
    """Whether a value's text holds zeros alone."""
    return bool(text) and not any(each in "123456789naif" for each in text)


def not_finite_text(text: str | None) -> bool:
    """Whether a value's text holds NaN or infinity."""
    return text is not None and ("nan" in text or "inf" in text)
