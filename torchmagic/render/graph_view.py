"""What a drawing of a graph shows: which nodes, with which words; one source for picture and text."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace

from torchmagic.graph_records import GraphEdge, GraphNode, GraphRecord
from torchmagic.render.graph_collapse import Collapsed, Frame, collapse
from torchmagic.render.graph_folds import Fold
from torchmagic.render.graph_look import Look
from torchmagic.render.graph_plain import fuse, plain_graph
from torchmagic.render.graph_templates import printable

ROLE_WORDS = {
    "data": "data (no gradient)",
    "leaf": "leaf (requires_grad)",
    "parameter": "parameter",
    "intermediate": "intermediate",
    "result": "result",
}
_FUSE_ABOVE = 40
_LIMITS = (50, 30, 16)
_MOST_DRAWN = 80
_MOST_ASKED = 3000
_MOST_LABELLED = 60
_SMALL = 12
_ALL = 10**9
_PLAIN_LOOK = Look()
_LONGEST_LABEL = 30
_LONGEST_TIGHT = 14
_LONGEST_SYMBOL = 12


@dataclass(frozen=True, slots=True)
class View:
    """The nodes and edges to draw, and a note on what is left out.

    Attributes:
        nodes: nodes of the record, and folds in the place of collapsed groups.
        edges: between their ids.
        labels: what is written on each edge, or "".
        fused: unnamed tensors that are drawn as part of the operation that computed them, by its id.
        cut: ids of nodes whose inputs are not all drawn.
        frames, within: open modules, and in which of them a node lies, by its id.
        tight: whether each node must make do with fewer words.
        note: what is not drawn.
        folded: how many operations the folds hold.
    """

    nodes: tuple[GraphNode | Fold, ...]
    edges: tuple[GraphEdge, ...]
    labels: tuple[str, ...]
    fused: Mapping[str, GraphNode]
    cut: frozenset[str] = frozenset()
    frames: tuple[Frame, ...] = ()
    within: Mapping[str, int] = field(default_factory=dict)
    tight: bool = False
    note: str = ""
    folded: int = 0


def make_views(record: GraphRecord, look: Look = _PLAIN_LOOK) -> Iterator[View]:
    """Ways to draw a graph, the most spacious first: the first that fits the page is the one to take."""
    plain = plain_graph(record)
    if look == Look(theme=look.theme) and len(plain.nodes) <= _FUSE_ABOVE:
        whole = collapse(record, plain, Look(depth=_ALL), 0)
        yield view_of(whole)
        yield view_of(whole, tight=True)
    plain = fuse(plain, record.roots)
    if look.depth is not None:
        yield _limited(view_of(collapse(record, plain, look, 0), tight=True), record.roots, _MOST_ASKED)
        return
    for limit in _LIMITS:
        view = view_of(collapse(record, plain, look, limit), tight=True)
        most = max(_MOST_DRAWN, 2 * limit) if not look.expand else _MOST_ASKED
        yield _limited(view, record.roots, most)


def text_view(record: GraphRecord, look: Look = _PLAIN_LOOK) -> View:
    """What is told of a graph in words: all of a small one, else as it is drawn."""
    plain = plain_graph(record)
    if look == Look(theme=look.theme) and len(plain.nodes) <= 2 * _FUSE_ABOVE:
        return view_of(collapse(record, plain, Look(depth=_ALL), 0))
    return next(make_views(record, look))


def drawn_view(record: GraphRecord, look: Look = _PLAIN_LOOK, most_edges: int = 10**9) -> View:
    """What a drawing of another program is to show: as ours, with no more edges than it can take."""
    view: View | None = None
    for view in make_views(record, look):
        if len(view.edges) <= most_edges:
            return view
    plain = fuse(plain_graph(record), record.roots)
    for limit in _LIMITS:
        view = _limited(view_of(collapse(record, plain, Look(), limit), tight=True), record.roots, _MOST_DRAWN)
        if len(view.edges) <= most_edges:
            return view
    assert view is not None  # make_views always gives at least one
    return replace(view, edges=view.edges[:most_edges], labels=view.labels[:most_edges])


def view_of(drawn: Collapsed, tight: bool = False) -> View:
    """What is drawn of a collapsed graph, with words on its edges."""
    return View(
        drawn.nodes,
        drawn.edges,
        _edge_labels(drawn),
        drawn.fused or {},
        frames=drawn.frames,
        within=drawn.within or {},
        tight=tight,
        folded=drawn.folded,
    )


def _edge_labels(drawn: Collapsed) -> tuple[str, ...]:
    """Gradients to write on edges: on all into operations of a small graph, else where several flow together."""
    if len(drawn.nodes) > _MOST_LABELLED:
        return ("",) * len(drawn.edges)
    nodes = {node.id: node for node in drawn.nodes}
    flowing = Counter(edge.source for edge in drawn.edges if edge.grad_text is not None)
    found: list[str] = []
    for edge in drawn.edges:
        target = nodes[edge.target]
        into = isinstance(target, Fold) or target.kind != "tensor"
        told = edge.label
        if not told and into and (flowing[edge.source] > 1 or len(drawn.nodes) <= _SMALL):
            told = edge_gradient(edge)
        found.append(shorten(told, _LONGEST_TIGHT + 4))
    return tuple(found)


def edge_gradient(edge: GraphEdge) -> str:
    """The gradient that flowed along an edge, as it is written on it, or "".

    >>> edge_gradient(GraphEdge("a", "b", grad_text="4")), edge_gradient(GraphEdge("a", "b", grad_text="norm 3"))
    ('↑ 4', '↑ norm 3')
    """
    if edge.grad_text is None:
        return ""
    if len(edge.grad_text) <= _LONGEST_TIGHT:
        return f"↑ {edge.grad_text}"
    return "" if edge.grad_norm is None else f"↑ norm {edge.grad_norm:.3g}"


def _limited(view: View, roots: tuple[str, ...], most: int) -> View:
    """Keep the nodes nearest to the roots."""
    if len(view.nodes) <= most:
        return view
    inputs: dict[str, list[str]] = {}
    for edge in view.edges:
        inputs.setdefault(edge.target, []).append(edge.source)
    known = {node.id for node in view.nodes}
    used = {edge.source for edge in view.edges}
    starts = [ident for ident in roots if ident in known] or [ident for ident in known if ident not in used]
    kept = dict.fromkeys(sorted(starts)[:most] if not roots else starts[:most])
    ring = list(kept)
    while ring and len(kept) < most:
        ring = list(dict.fromkeys(source for i in ring for source in inputs.get(i, ()) if source not in kept))
        ring = ring[: most - len(kept)]
        kept.update(dict.fromkeys(ring))
    nodes = tuple(node for node in view.nodes if node.id in kept)
    pairs = [
        (edge, label)
        for edge, label in zip(view.edges, view.labels, strict=True)
        if edge.source in kept and edge.target in kept
    ]
    cut = frozenset(edge.target for edge in view.edges if edge.target in kept and edge.source not in kept)
    operations = sum(node.operations if isinstance(node, Fold) else node.kind == "operation" for node in view.nodes)
    note = f"The graph has {operations:,} operations: the {len(nodes):,} nodes nearest to the result are drawn."
    frames, within = _frames_of(view, kept)
    return replace(
        view,
        nodes=nodes,
        frames=frames,
        edges=tuple(edge for edge, _ in pairs),
        labels=tuple(label for _, label in pairs),
        cut=cut,
        within=within,
        note=note,
    )


def _frames_of(view: View, kept: Collection[str]) -> tuple[tuple[Frame, ...], dict[str, int]]:
    """The frames around the nodes that are kept, numbered anew."""
    used: set[int] = set()
    for ident, frame in view.within.items():
        while ident in kept and frame >= 0 and frame not in used:
            used.add(frame)
            frame = view.frames[frame].parent
    numbers = {frame: i for i, frame in enumerate(sorted(used))}
    frames = tuple(replace(view.frames[old], parent=numbers.get(view.frames[old].parent, -1)) for old in numbers)
    return frames, {ident: numbers[frame] for ident, frame in view.within.items() if ident in kept}


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


def line_text(node: GraphNode) -> str:
    """Where the user's code called it: ``line 3``, ``line 3 of net.py``, or "".

    >>> line_text(GraphNode("n1", "cut", "detach()", filename="/home/me/net.py", line=3))
    'line 3 of net.py'
    """
    if node.line is None:
        return ""
    name = node.filename.replace("\\", "/").rsplit("/", 1)[-1]
    return f"line {node.line}" + (f" of {shorten(name, 20)}" if name and not name.startswith("<") else "")


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
