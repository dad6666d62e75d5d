"""Draw a GraphRecord as one self-contained SVG: boxes for tensors, diamonds for operations, frames for modules.

Text and lines take the page's own text colour and the fills are translucent, so that one picture reads in
light and in dark; all style is in attributes, since notebooks strip style sheets from untrusted output.
"""

from __future__ import annotations

from torchmagic.graph_records import GraphEdge, GraphNode, GraphRecord
from torchmagic.render import graph_legend
from torchmagic.render.graph_boxes import CELL, Box, make_boxes
from torchmagic.render.graph_canvas import Canvas, escaped, number
from torchmagic.render.graph_folds import Fold
from torchmagic.render.graph_labels import SMALL_CELL, free_labels
from torchmagic.render.graph_look import Look
from torchmagic.render.graph_strokes import draw_box, draw_edge, draw_frame, draw_stub
from torchmagic.render.graph_view import View, make_views, shape_text
from torchmagic.render.layout import Framed, Layout, place
from torchmagic.render.wrapping import cells

_MARGIN = 10.0
_PAGE = 720.0
_TALL = 2600.0
_LARGE = 200
_LEAST = 0.7  # a picture shrinks to this much of its size and no further: below, the words could not be read
_WIDEST_LABEL = 260.0
COLOURS = {"auto": "currentColor", "light": "#1f2328", "dark": "#e6edf3"}
BACKGROUNDS = {"light": "#ffffff", "dark": "#111418"}


def graph_svg(record: GraphRecord, look: Look = Look()) -> str:  # noqa: B008 (frozen)
    """The graph as an SVG element.

    >>> svg = graph_svg(GraphRecord((GraphNode("n1", "tensor", "<a>", shape=(), value_text="2"),), ()))
    >>> svg.startswith("<svg"), "&lt;a&gt; = 2" in svg, "<script" in svg
    (True, True, False)
    """
    return draw_svg(record, look)


def draw_svg(record: GraphRecord, look: Look, style: str = "") -> str:
    """The graph as an SVG element, with a style sheet of ours inside it where one is given."""
    return draw_fitted(record, *fitted(record, look), look, style)


def origin(view: View, layout: Layout) -> tuple[float, float, float]:
    """Where in the picture the layout's left top corner lies, and how wide the picture is within its margins."""
    foot = [view.note] if view.note else []
    least = graph_legend.least_width(graph_legend.entries(view))
    wide = max([layout.width, least, *(cells(text) * 6.6 for text in foot)])
    return _MARGIN + (wide - layout.width) / 2, _MARGIN + (18 if view.cut else 0), wide


def draw_fitted(
    record: GraphRecord, view: View, boxes: dict[str, Box], layout: Layout, look: Look, style: str = ""
) -> str:
    """As :func:`draw_svg`, of a view whose places are known."""
    large = len(view.nodes) > _LARGE
    left, top, wide = origin(view, layout)
    canvas = Canvas(left, top, 0 if large else 1)
    legend = graph_legend.entries(view)
    foot = [view.note] if view.note else []
    drawn = [
        draw_frame(canvas, frame, rectangle, layout.polylines)
        for frame, rectangle in zip(view.frames, layout.frames, strict=True)
    ]
    words = [each for each in drawn if each is not None]
    nodes = {node.id: node for node in view.nodes}
    labels = free_labels(view, boxes, layout)
    for number_, (edge, line) in enumerate(zip(view.edges, layout.polylines, strict=True)):
        ends = boxes[edge.source], boxes[edge.target]
        centres = layout.centres[edge.source], layout.centres[edge.target]
        draw_edge(canvas, edge, line, ends, centres, labels.get(number_), _edge_title(edge, nodes, large), words)
    for ident, box in boxes.items():
        if ident in view.cut:
            draw_stub(canvas, layout.centres[ident], box)
        draw_box(canvas, box, layout.centres[ident])
    canvas.left, bottom = _MARGIN, canvas.top + layout.height + 12
    canvas.top = 0.0
    bottom = graph_legend.draw(canvas, legend, bottom, wide)
    for text in foot:
        bottom += 16
        canvas.text(0.0, bottom - 4, text, 0.9, anchor="start")
    return _element(record, canvas, wide + 2 * _MARGIN, bottom + _MARGIN, look, style)


def _element(record: GraphRecord, canvas: Canvas, width: float, height: float, look: Look, style: str) -> str:
    w, h = number(width), number(height)
    back = BACKGROUNDS.get(look.theme)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {w} {h}" width="{w}" height="{h}" role="img" '
        f'style="max-width:100%;min-width:{number(width * _LEAST)}px;height:auto" '
        'font-family="ui-monospace, Menlo, Consolas, \'DejaVu Sans Mono\', monospace" font-size="12" '
        f'text-anchor="middle" color="{COLOURS[look.theme]}" fill="none">\n'
        f"<title>{escaped('Autograd graph' + _of_roots(record))}</title>\n"
        f"<desc>{escaped(_description(record))}</desc>\n"
        + style
        + (f'<rect width="{w}" height="{h}" fill="{back}"/>\n' if back else "")
        + canvas.markup()
        + "</svg>"
    )


def fitted(record: GraphRecord, look: Look) -> tuple[View, dict[str, Box], Layout]:
    """The most spacious drawing that fits the page's width, or else the narrowest."""
    paths = {module.id: module.path for module in record.modules}
    best: tuple[float, View, dict[str, Box], Layout] | None = None
    for view in make_views(record, look):
        if best is not None and view.nodes == best[1].nodes and view.tight == best[1].tight:
            continue
        boxes = make_boxes(view, paths, len(view.nodes) > _LARGE)
        layout = placed(view, boxes)
        excess = max(1.0, layout.width / _PAGE) ** 2 * max(1.0, layout.height / _TALL)
        if best is None or excess < best[0]:
            best = excess, view, boxes, layout
        if excess == 1:
            break
    assert best is not None  # make_views always gives at least one
    return best[1:]


def placed(view: View, boxes: dict[str, Box]) -> Layout:
    """Where everything of a view goes."""
    sizes = {ident: (box.width, box.height) for ident, box in boxes.items()}
    labels = [(cells(label) * SMALL_CELL + 8, 16.0) if label else None for label in view.labels]
    frames = [(min(_WIDEST_LABEL, cells(frame.label) * CELL * 0.9 + 18), frame.parent) for frame in view.frames]
    return place(sizes, [(edge.source, edge.target) for edge in view.edges], labels, Framed(frames, view.within))


def _edge_title(edge: GraphEdge, nodes: dict[str, GraphNode | Fold], brief: bool) -> str:
    if not edge.grad_text:
        return edge.label
    if brief:
        return f"{edge.label} grad {edge.grad_text}".strip()
    names = [_name(nodes[ident]) for ident in (edge.source, edge.target)]
    return f"{edge.label} {names[0]} → {names[1]}: gradient {edge.grad_text} flowed back".strip()


def _name(node: GraphNode | Fold) -> str:
    if isinstance(node, Fold):
        return node.paths[0] if node.paths else node.what
    return node.label or "unnamed tensor"


def _of_roots(record: GraphRecord) -> str:
    roots = set(record.roots)
    names = [node.label for node in record.nodes if node.id in roots and node.label]
    return f" of {', '.join(names[:4])}" if names else ""


def _description(record: GraphRecord) -> str:
    """The graph in a sentence or two for those who do not see the picture."""
    operations = [node for node in record.nodes if node.kind == "operation"]
    tensors = sum(node.kind == "tensor" for node in record.nodes)
    text = f"{tensors} tensors and {len(operations)} operations, inputs above results."
    if len(operations) > 12:
        return text
    label = {node.id: node.label or f"a tensor of shape {shape_text(node.shape)}" for node in record.nodes}
    for operation in operations:
        given = " and ".join(label[e.source] for e in record.edges if e.target == operation.id and e.source in label)
        gives = " and ".join(label[e.target] for e in record.edges if e.source == operation.id and e.target in label)
        text += f" {operation.label} of {given or 'nothing drawn'} gives {gives or 'a tensor'}."
    for cut in record.nodes:
        if cut.kind == "cut":
            text += f" The graph is cut by {cut.label}."
    return text
