"""A record's graph by numbers: nodes and edges that are sound, unnamed results drawn with their operation."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

from torchmagic.graph_records import GraphEdge, GraphNode, GraphRecord


@dataclass(frozen=True, slots=True)
class Plain:
    """A graph whose nodes are numbers.

    Attributes:
        nodes: by number.
        edges: source, target, and the record's edge that it was first.
        fused: unnamed tensors that are drawn as part of the operation that computed them, by its number.
    """

    nodes: tuple[GraphNode, ...]
    edges: tuple[tuple[int, int, GraphEdge], ...]
    fused: dict[int, GraphNode] = field(default_factory=dict)

    def users(self) -> list[list[int]]:
        """For each node those that edges lead to."""
        found: list[list[int]] = [[] for _ in self.nodes]
        for source, target, _ in self.edges:
            found[source].append(target)
        return found

    def givers(self) -> list[list[int]]:
        """For each node those that edges come from."""
        found: list[list[int]] = [[] for _ in self.nodes]
        for source, target, _ in self.edges:
            found[target].append(source)
        return found


def plain_graph(record: GraphRecord) -> Plain:
    """The record's graph, without edges that lead nowhere or twice the same way.

    >>> a, b = GraphNode("a", "tensor", "a"), GraphNode("b", "operation", "Exp")
    >>> plain_graph(GraphRecord((a, b), (GraphEdge("a", "b"), GraphEdge("a", "gone")))).edges[0][:2]
    (0, 1)
    """
    numbers: dict[str, int] = {}
    nodes: list[GraphNode] = []
    for node in record.nodes:
        if node.id not in numbers:
            numbers[node.id] = len(nodes)
            nodes.append(node)
    edges: dict[tuple[int, int], GraphEdge] = {}
    for edge in record.edges:
        source, target = numbers.get(edge.source, -1), numbers.get(edge.target, -1)
        if source >= 0 and target >= 0 and source != target:
            _join(edges, source, target, edge)
    return Plain(tuple(nodes), tuple((*ends, edge) for ends, edge in edges.items()))


def fuse(plain: Plain, roots: Iterable[str] = ()) -> Plain:
    """The graph with the unnamed results of operations drawn as part of their operation.

    Args:
        plain: the graph as recorded.
        roots: ids of tensors that stay.
    """
    stay = set(roots)
    producer = {target: source for source, target, _ in plain.edges if plain.nodes[source].kind == "operation"}
    hidden = {
        number
        for number, node in enumerate(plain.nodes)
        if node.kind == "tensor"
        and not node.label
        and node.role == "intermediate"
        and number in producer
        and node.id not in stay
    }
    if not hidden:
        return plain
    numbers: dict[int, int] = {}
    nodes: list[GraphNode] = []
    for number, node in enumerate(plain.nodes):
        if number not in hidden:
            numbers[number] = len(nodes)
            nodes.append(node)
    fused: dict[int, GraphNode] = {}
    for number in sorted(hidden):
        operation, node = numbers[producer[number]], plain.nodes[number]
        if operation in fused:  # then the values and gradients are not one
            node = replace(node, value_text=None, grad_text=None, grad_norm=None, value=None, grad=None)
        fused[operation] = node
    edges: dict[tuple[int, int], GraphEdge] = {}
    for source, target, edge in plain.edges:
        if target in hidden:
            if producer[target] != source:  # another node leads into it: it leads into what computed it
                continue
            continue
        start = producer[source] if source in hidden else source
        if numbers[start] != numbers[target]:
            _join(edges, numbers[start], numbers[target], edge)
    return Plain(tuple(nodes), tuple((*ends, edge) for ends, edge in edges.items()), fused)


def _join(edges: dict[tuple[int, int], GraphEdge], source: int, target: int, edge: GraphEdge) -> None:
    """Add an edge; of two between the same nodes the first stays, without a gradient that is not the whole."""
    known = edges.get((source, target))
    if known is None:
        edges[source, target] = edge
    elif known != edge and (known.grad_text is not None or known.grad_norm is not None):
        edges[source, target] = replace(known, grad_text=None, grad_norm=None)


def knotted(count: int, edges: Sequence[tuple[int, int]]) -> set[int]:
    """The numbers below ``count`` that lie on a cycle, or between two.

    >>> knotted(4, [(0, 1), (1, 2), (2, 1), (2, 3)])
    {1, 2}
    """
    return _peeled(set(range(count)), edges, 0) & _peeled(set(range(count)), edges, 1)


def _peeled(left: set[int], edges: Sequence[tuple[int, int]], end: int) -> set[int]:
    """What is left when nodes without an edge into them (``end`` 0) or out of them (1) are taken away, repeatedly."""
    degree: dict[int, int] = {}
    onward: dict[int, list[int]] = {}
    for edge in edges:
        near, far = edge[end], edge[1 - end]
        if near != far:
            degree[far] = degree.get(far, 0) + 1
            onward.setdefault(near, []).append(far)
    ready = [number for number in left if number not in degree]
    while ready:
        number = ready.pop()
        left.discard(number)
        for far in onward.get(number, ()):
            degree[far] -= 1
            if not degree[far]:
                ready.append(far)
    return left
