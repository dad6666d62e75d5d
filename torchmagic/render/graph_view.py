"""What a drawing of a graph shows: which nodes, with which words; one source for picture and text."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass, replace

from torchmagic.graph_records import GraphEdge, GraphNode, GraphRecord
from torchmagic.render.graph_templates import printable

ROLE_WORDS = {
    "data": "data (no gradient)",
    "leaf": "leaf (requires_grad)",
    "parameter": "parameter",
    "intermediate": "intermediate",
    "result": "result",
}
_FUSE_ABOVE = 40
_MOST_DRAWN = 80
_DEEPEST = 48
_LONGEST_LABEL = 30
_LONGEST_TIGHT = 14
_LONGEST_SYMBOL = 12


@dataclass(frozen=True, slots=True)
class View:
    """The nodes and edges to draw, and a note on what is left out.

    Attributes:
        fused: unnamed tensors that are drawn as part of the operation that computed them, by its id.
        cut: ids of nodes whose inputs are not all drawn.
        tight: whether each node must make do with fewer words.
    """

    nodes: tuple[GraphNode, ...]
    edges: tuple[GraphEdge, ...]
    fused: dict[str, GraphNode]
    cut: frozenset[str]
    note: str = ""
    tight: bool = False


def make_views(record: GraphRecord) -> Iterator[View]:
    """Ways to draw a graph, the most spacious first: the first that fits the page is the one to take."""
    view = View(record.nodes, record.edges, {}, frozenset())
    if len(record.nodes) <= _FUSE_ABOVE:
        yield view
        yield replace(view, tight=True)
    view = _fuse(record)
    yield _limit(view, record.roots) if len(view.nodes) > _MOST_DRAWN else view


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
            several = producer[node.id] in facts  # then the values and gradients are not one
            facts[producer[node.id]] = (
                replace(node, value_text=None, grad_text=None, grad_norm=None) if several else node
            )
    edges = [
        replace(edge, source=producer[edge.source]) if edge.source in hidden else edge
        for edge in record.edges
        if edge.target not in hidden
    ]
    nodes = tuple(node for node in record.nodes if node.id not in hidden)
    return View(nodes, tuple(dict.fromkeys(edges)), facts, frozenset(), tight=True)


def _limit(view: View, roots: tuple[str, ...]) -> View:
    """Keep the nodes nearest to the roots."""
    inputs: dict[str, list[str]] = {}
    for edge in view.edges:
        inputs.setdefault(edge.target, []).append(edge.source)
    kept = dict.fromkeys(roots)
    ring = list(kept)
    for _ in range(_DEEPEST):
        ring = [source for ident in ring for source in inputs.get(ident, ()) if source not in kept]
        kept.update(dict.fromkeys(ring[: _MOST_DRAWN - len(kept)]))
    nodes = tuple(node for node in view.nodes if node.id in kept)
    edges = tuple(edge for edge in view.edges if edge.source in kept and edge.target in kept)
    cut = frozenset(edge.target for edge in view.edges if edge.target in kept and edge.source not in kept)
    operations = sum(node.kind == "operation" for node in view.nodes)
    note = f"The graph has {operations:,} operations: the {len(nodes)} nodes nearest to the result are drawn."
    return replace(view, nodes=nodes, edges=edges, cut=cut, note=note)


def tensor_lines(node: GraphNode, tight: bool = False) -> list[str]:
    """The words in a tensor's box: name and value, shape and dtype, gradient.

    ``tight`` leaves out what a large picture has no room for: longer values, and the usual dtype.

    >>> tensor_lines(GraphNode("n1", "tensor", "y", value_text="5", grad_text="4", grad_of="z", shape=()))
    ['y = 5', '∂z/∂y = 4']
    """
    name = shorten(node.label)
    dtype = "" if tight and node.dtype == "float32" else node.dtype
    kind = " ".join(filter(None, (shape_text(node.shape), dtype)))
    value = node.value_text
    if tight and value is not None and len(value) > _LONGEST_TIGHT:
        value = None
    lines: list[str] = []
    if name and value is not None and len(name) + len(value) <= (22 if tight else _LONGEST_LABEL):
        lines.append(f"{name} = {value}")
    elif name:
        lines.extend([name] if value is None else [name, f"= {value}"])
    elif value is not None:
        lines.append(value)
    if node.shape or value is None:
        lines.append(kind or "tensor")
    gradient = gradient_text(node)
    if tight and len(gradient) > _LONGEST_TIGHT + 8 and node.grad_norm is not None:
        gradient = f"grad norm {node.grad_norm:.4g}"
    return [*lines, gradient] if gradient else lines


def gradient_text(node: GraphNode) -> str:
    """The gradient of a tensor as it is written under it, or "".

    >>> gradient_text(GraphNode("n1", "tensor", "w", grad_text="norm 3", grad_of="loss"))
    '‖∂loss/∂w‖ = 3'
    """
    if not node.grad_text:
        return ""
    if node.grad_of and node.label and len(node.grad_of) + len(node.label) <= _LONGEST_SYMBOL:
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
    text = printable(text)
    if len(text) <= most:
        return text
    head = (most - 1) * 9 // 20
    return f"{text[:head]}…{text[len(text) - (most - 1 - head) :]}"


def cells(text: str) -> int:
    """How many monospace cells a text takes at most: two for a wide character.

    >>> cells("abc"), cells("損失")
    (3, 4)
    """
    return sum(2 if (unicodedata.east_asian_width(character) in "WFA" and ord(character) > 0x2E80)
               or ord(character) > 0x1F000 else 1 for character in text)  # fmt: skip
