"""What a drawing of a graph shows: which nodes, with which words; one source for the picture and the text form."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass, replace

from torchmagic.records import GraphEdge, GraphNode, GraphRecord

ROLE_WORDS = {
    "data": "data (no gradient)",
    "leaf": "leaf (requires_grad)",
    "parameter": "parameter",
    "intermediate": "intermediate",
    "result": "result",
}
_FUSE_ABOVE = 40
_MOST_DRAWN = 120
_LONGEST_LABEL = 30


@dataclass(frozen=True, slots=True)
class View:
    """The nodes and edges to draw, and a note on what is left out.

    Attributes:
        fused: tensors without a name are drawn as part of the operation that computed them: their facts by the
            operation's id.
        cut: ids of nodes whose inputs are not all drawn.
    """

    nodes: tuple[GraphNode, ...]
    edges: tuple[GraphEdge, ...]
    fused: dict[str, GraphNode]
    cut: frozenset[str]
    note: str = ""


def make_view(record: GraphRecord) -> View:
    """Choose what is drawn of a graph: everything when it is small, the part nearest to the result when large."""
    view = View(record.nodes, record.edges, {}, frozenset())
    if len(record.nodes) > _FUSE_ABOVE:
        view = _fuse(record)
    return _limit(view, record.roots) if len(view.nodes) > _MOST_DRAWN else view


def _fuse(record: GraphRecord) -> View:
    """Draw the unnamed results of operations as part of their operation."""
    producer = {edge.target: edge.source for edge in record.edges}
    hidden = {
        node.id
        for node in record.nodes
        if node.kind == "tensor" and not node.label and node.role == "intermediate" and node.id in producer
    }
    facts: dict[str, GraphNode] = {}
    for node in record.nodes:
        if node.id in hidden:
            facts.setdefault(producer[node.id], node)
    edges = [
        replace(edge, source=producer[edge.source]) if edge.source in hidden else edge
        for edge in record.edges
        if edge.target not in hidden
    ]
    nodes = tuple(node for node in record.nodes if node.id not in hidden)
    return View(nodes, tuple(dict.fromkeys(edges)), facts, frozenset())


def _limit(view: View, roots: tuple[str, ...]) -> View:
    """Keep the nodes nearest to the roots."""
    inputs: dict[str, list[str]] = {}
    for edge in view.edges:
        inputs.setdefault(edge.target, []).append(edge.source)
    kept = dict.fromkeys(roots)
    ring = list(kept)
    while ring and len(kept) < _MOST_DRAWN:
        ring = [source for ident in ring for source in inputs.get(ident, ()) if source not in kept]
        kept.update(dict.fromkeys(ring[: _MOST_DRAWN - len(kept)]))
    nodes = tuple(node for node in view.nodes if node.id in kept)
    edges = tuple(edge for edge in view.edges if edge.source in kept and edge.target in kept)
    cut = frozenset(edge.target for edge in view.edges if edge.target in kept and edge.source not in kept)
    operations = sum(node.kind == "operation" for node in view.nodes)
    note = f"The graph has {operations:,} operations: the {len(nodes)} nodes nearest to the result are drawn."
    return View(nodes, edges, view.fused, cut, note)


def tensor_lines(node: GraphNode) -> list[str]:
    """The words in a tensor's box: name and value, shape and dtype, gradient.

    >>> tensor_lines(GraphNode("n1", "tensor", "y", value_text="5", grad_text="4", grad_of="z", shape=()))
    ['y = 5', '∂z/∂y = 4']
    """
    name = shorten(node.label)
    kind = " ".join(filter(None, (shape_text(node.shape), node.dtype)))
    value = node.value_text
    lines: list[str] = []
    if name and value is not None and len(name) + len(value) <= _LONGEST_LABEL:
        lines.append(f"{name} = {value}")
    else:
        lines.extend(filter(None, (name, value)))
    if node.shape or value is None:
        lines.append(kind or "tensor")
    gradient = gradient_text(node)
    return [*lines, gradient] if gradient else lines


def gradient_text(node: GraphNode) -> str:
    """The gradient of a tensor as it is written under it, or "".

    >>> gradient_text(GraphNode("n1", "tensor", "w", grad_text="norm 3", grad_of="loss"))
    '‖∂loss/∂w‖ = 3'
    """
    if not node.grad_text:
        return ""
    if node.grad_of and node.label and len(node.grad_of) + len(node.label) + len(node.grad_text) <= 34:
        symbol = f"∂{node.grad_of}/∂{node.label}"
        if node.grad_text.startswith("norm "):
            return f"‖{symbol}‖ = {node.grad_text[5:]}"
        return f"{symbol} = {node.grad_text}"
    return f"grad {node.grad_text}"


def shape_text(shape: tuple[int, ...] | None) -> str:
    """A shape as torch prints it; a size that is not fixed (ragged, symbolic) is a ``?``.

    >>> shape_text((2, -1)), shape_text((3,)), shape_text(())
    ('(2, ?)', '(3,)', '()')
    """
    if shape is None:
        return ""
    sizes = ["?" if size < 0 else str(size) for size in shape]
    return f"({sizes[0]},)" if len(sizes) == 1 else f"({', '.join(sizes)})"


def shorten(text: str, most: int = _LONGEST_LABEL) -> str:
    """The text on one line, its middle left out where it is longer than ``most``.

    >>> shorten("encoder.layers.0.self_attn.in_proj_weight")
    'encoder.layer…n.in_proj_weight'
    """
    text = "".join(character if character.isprintable() else " " for character in text)
    if len(text) <= most:
        return text
    head = (most - 1) * 9 // 20
    return f"{text[:head]}…{text[len(text) - (most - 1 - head) :]}"


def cells(text: str) -> int:
    """How many monospace cells a text takes at most: two for a wide character.

    >>> cells("abc"), cells("損失")
    (3, 4)
    """
    return sum(2 if unicodedata.east_asian_width(character) in "WFA" and ord(character) > 0x2E80
               or ord(character) > 0x1F000 else 1 for character in text)  # fmt: skip
