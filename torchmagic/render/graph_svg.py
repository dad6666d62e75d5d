"""Draw a GraphRecord as one self-contained SVG: boxes for tensors, diamonds for operations.

Text and lines take the page's own text colour and the fills are translucent, so that one picture reads in
light and in dark; all style is in attributes, since notebooks strip style sheets from untrusted output.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from torchmagic.graph_records import GraphNode, GraphRecord
from torchmagic.render import graph_view
from torchmagic.render.graph_look import PLAIN, Look
from torchmagic.render.graph_templates import template
from torchmagic.render.layout import Layout, Point, place

_CELL = 7.4  # px that one monospace character takes at most at 12 px
_LINE = 16.0
_MARGIN = 10.0
_COLOURS = {"data": "#75859a", "leaf": "#2a9558", "parameter": "#c27015", "result": "#3b7ddd"}
_RADIUS = {"data": 0.0, "leaf": 12.0, "parameter": 12.0, "intermediate": 4.0, "result": 4.0}
_THICK = {"data": 1.4, "leaf": 1.8, "parameter": 1.4, "intermediate": 1.0, "result": 2.6}
_LEGEND_COLUMN = 170.0
_PAGE = 720.0
_LEAST = 0.7  # a picture shrinks to this much of its size and no further: below, the words could not be read


@dataclass(frozen=True, slots=True)
class _Shape:
    path: str
    fill: str
    opacity: float
    stroke: str
    width: float
    dash: str = ""


@dataclass(frozen=True, slots=True)
class _Line:
    text: str
    x: str
    y: str
    size: float = 12
    bold: bool = False
    anchor: str = ""


@dataclass(frozen=True, slots=True)
class _Drawn:
    title: str
    shapes: tuple[_Shape, ...]
    lines: tuple[_Line, ...]


@dataclass(frozen=True, slots=True)
class _Edge:
    path: str
    head: str


@dataclass(frozen=True, slots=True)
class _Box:
    """A node with its words and its size, before it has a place."""

    node: GraphNode
    lines: tuple[str, ...]
    small: int  # index from which on lines are set smaller
    width: float
    height: float


def graph_svg(record: GraphRecord, look: Look = PLAIN) -> str:
    """The graph as an SVG element.

    >>> svg = graph_svg(GraphRecord((GraphNode("n1", "tensor", "<a>", shape=(), value_text="2"),), ()))
    >>> svg.startswith("<svg"), "&lt;a&gt; = 2" in svg, "<script" in svg
    (True, True, False)
    """
    view, boxes, layout = _fitting(record)
    top = _MARGIN + (18 if view.cut else 0)
    legend = _legend([node.role for node in view.nodes if node.kind == "tensor"])
    foot = [view.note] if view.note else []
    wide = max([layout.width, _legend_width(legend), *(graph_view.cells(text) * 6.6 for text in foot)])
    shift = (_MARGIN + (wide - layout.width) / 2, top)
    drawn = [_draw(box, _moved(layout.centres[ident], shift)) for ident, box in boxes.items()]
    bottom = top + layout.height + 12
    drawn.extend(_draw_legend(legend, bottom))
    bottom += 20 * len(_legend_rows(legend)) if legend else 0
    for text in foot:
        bottom += 16
        drawn.append(_Drawn(text, (), (_Line(text, _n(_MARGIN), _n(bottom - 4), 11, anchor="start"),)))
    centres = {ident: _moved(centre, shift) for ident, centre in layout.centres.items()}
    edges = [
        _edge(
            [_moved(point, shift) for point in line],
            boxes[edge.source],
            boxes[edge.target],
            (centres[edge.source], centres[edge.target]),
        )
        for edge, line in zip(view.edges, layout.polylines, strict=True)
    ]
    stubs = [_stub(centres[ident], boxes[ident]) for ident in boxes if ident in view.cut]
    return template("graph.svg.j2").render(
        width=_n(wide + 2 * _MARGIN),
        height=_n(bottom + _MARGIN),
        least=_n((wide + 2 * _MARGIN) * _LEAST),
        title="Autograd graph" + _of_roots(record),
        description=_description(record),
        edges=edges,
        stubs=stubs,
        nodes=drawn,
    )


def _fitting(record: GraphRecord) -> tuple[graph_view.View, dict[str, _Box], Layout]:
    """The most spacious drawing that fits the page's width, or else the narrowest."""
    best: tuple[graph_view.View, dict[str, _Box], Layout] | None = None
    for view in graph_view.make_views(record):
        boxes = {node.id: _box(node, view) for node in view.nodes}
        sizes = {ident: (box.width, box.height) for ident, box in boxes.items()}
        layout = place(sizes, [(edge.source, edge.target) for edge in view.edges])
        if best is None or layout.width < best[2].width:
            best = view, boxes, layout
        if layout.width <= _PAGE:
            break
    assert best is not None  # make_views always gives at least one
    return best


def _n(value: float) -> str:
    """A coordinate with at most one decimal."""
    return f"{value:.1f}".removesuffix(".0")


def _moved(point: Point, shift: Point) -> Point:
    return point[0] + shift[0], point[1] + shift[1]


def _box(node: GraphNode, view: graph_view.View) -> _Box:
    if node.kind == "tensor":
        lines = graph_view.tensor_lines(node, view.tight)
        width = max([44.0, *(graph_view.cells(line) * _CELL * (1 if i == 0 else 0.9) for i, line in enumerate(lines))])
        return _Box(node, tuple(lines), 1, width + 18, len(lines) * _LINE + 12)
    lines = [graph_view.shorten(node.label, 24)]
    if node.detail:
        lines.append(graph_view.shorten(node.detail, 24))
    hidden = view.fused.get(node.id)
    if hidden is not None:
        lines.extend(graph_view.tensor_lines(hidden, view.tight))
    text = max(graph_view.cells(line) * _CELL * (1 if i == 0 else 0.9) for i, line in enumerate(lines))
    if hidden is not None:
        return _Box(node, tuple(lines), 1, text + 34, len(lines) * _LINE + 12)
    height = 30.0 + 14 * len(lines)
    # A diamond is narrower above and below its middle: widen it until the text's corners lie inside.
    room = 1 - (len(lines) * 14 + 2) / height
    return _Box(node, tuple(lines), 1, max(64.0, (text + 8) / room), height)


def _draw(box: _Box, centre: Point) -> _Drawn:
    node = box.node
    x, y = centre
    half, tall = box.width / 2, box.height / 2
    if node.kind == "operation":
        inset = half if not _is_hexagon(box) else 12.0
        points = [(x - half, y), (x - half + inset, y - tall), (x + half - inset, y - tall), (x + half, y),
                  (x + half - inset, y + tall), (x - half + inset, y + tall)]  # fmt: skip
        shapes = [_Shape(_polygon(points), "currentColor", 0.05, "currentColor", 1.0)]
    else:
        shapes = _box_shapes(node.role, x - half, y - tall, box.width, box.height)
    first = y - (len(box.lines) - 1) * (_LINE if node.kind == "tensor" or _is_hexagon(box) else 14) / 2 + 4
    step = _LINE if node.kind == "tensor" or _is_hexagon(box) else 14
    lines = tuple(
        _Line(
            text,
            _n(x),
            _n(first + i * step),
            12 if i < box.small else 10.8,
            bold=i == 0 and (node.role == "result" or (node.kind == "tensor" and bool(node.label))),
        )
        for i, text in enumerate(box.lines)
    )
    return _Drawn(_title(node), tuple(shapes), lines)


def _is_hexagon(box: _Box) -> bool:
    return box.node.kind == "operation" and box.height == len(box.lines) * _LINE + 12


def _box_shapes(role: str, x: float, y: float, width: float, height: float) -> list[_Shape]:
    """A tensor's box; roles differ by outline as well as by colour."""
    colour = _COLOURS.get(role, "currentColor")
    radius, thick = _RADIUS[role], _THICK[role]
    dash = "5 3" if role == "data" else ""
    opacity = 0.04 if role == "intermediate" else 0.13
    shapes = [_Shape(_rounded(x, y, width, height, radius), colour, opacity, colour, thick, dash)]
    if role == "parameter":
        inner = _rounded(x + 3, y + 3, width - 6, height - 6, radius - 3)
        shapes.append(_Shape(inner, "none", 0, colour, 1.0))
    return shapes


def _rounded(x: float, y: float, width: float, height: float, radius: float) -> str:
    if not radius:
        return _polygon([(x, y), (x + width, y), (x + width, y + height), (x, y + height)])
    r = min(radius, height / 2)
    arc = f"a{_n(r)} {_n(r)} 0 0 1"
    return (
        f"M{_n(x + r)} {_n(y)}h{_n(width - 2 * r)}{arc} {_n(r)} {_n(r)}"
        f"v{_n(height - 2 * r)}{arc} {_n(-r)} {_n(r)}"
        f"h{_n(2 * r - width)}{arc} {_n(-r)} {_n(-r)}v{_n(2 * r - height)}{arc} {_n(r)} {_n(-r)}z"
    )


def _polygon(points: Sequence[Point]) -> str:
    return "M" + "L".join(f"{_n(x)} {_n(y)}" for x, y in points) + "z"


def _edge(points: Sequence[Point], source: _Box, target: _Box, ends: tuple[Point, Point]) -> _Edge:
    """A line from border to border with an arrowhead; ``ends`` are the centres of the two nodes."""
    line = list(points)
    (x0, _), (x1, _) = line[0], line[-1]
    line[0] = (x0, ends[0][1] + _reach(source, x0 - ends[0][0]))
    tip = (x1, ends[1][1] - _reach(target, x1 - ends[1][0]) - 1)
    before = line[-2]
    length = math.dist(before, tip) or 1.0
    ux, uy = (tip[0] - before[0]) / length, (tip[1] - before[1]) / length
    foot = (tip[0] - 7 * ux, tip[1] - 7 * uy)
    line[-1] = (tip[0] - 5 * ux, tip[1] - 5 * uy)
    head = [tip, (foot[0] - 3.5 * uy, foot[1] + 3.5 * ux), (foot[0] + 3.5 * uy, foot[1] - 3.5 * ux)]
    return _Edge("M" + "L".join(f"{_n(x)} {_n(y)}" for x, y in line), _polygon(head))


def _reach(box: _Box, dx: float) -> float:
    """How far below (or above) its centre a node's outline is, ``dx`` beside its centre line."""
    half, tall = box.width / 2, box.height / 2
    inside = max(0.0, half - abs(dx))
    if box.node.kind == "operation":
        inset = 12.0 if _is_hexagon(box) else half
        return tall * min(1.0, inside / inset)
    radius = min(_RADIUS[box.node.role], tall)
    if inside >= radius:
        return tall
    return tall - radius + math.sqrt(max(0.0, radius**2 - (radius - inside) ** 2))


def _stub(centre: Point, box: _Box) -> str:
    """A dotted line into a node whose inputs are left out."""
    top = centre[1] - box.height / 2
    return f"M{_n(centre[0])} {_n(top - 16)}V{_n(top - 3)}"


def _legend(roles: Sequence[str]) -> list[str]:
    """The roles to explain: those that occur, where there is more than one."""
    found = [role for role in _RADIUS if role in roles]
    return found if len(found) > 1 else []


def _legend_rows(roles: Sequence[str]) -> list[list[str]]:
    return [list(roles[i : i + 2]) for i in range(0, len(roles), 2)]


def _legend_width(roles: Sequence[str]) -> float:
    return 0.0 if not roles else min(len(roles), 2) * _LEGEND_COLUMN


def _draw_legend(roles: Sequence[str], top: float) -> list[_Drawn]:
    drawn: list[_Drawn] = []
    for row, entries in enumerate(_legend_rows(roles)):
        for column, role in enumerate(entries):
            x, y = _MARGIN + column * _LEGEND_COLUMN, top + 20 * row + 10
            shapes = _box_shapes(role, x, y - 6, 22, 12)
            line = _Line(graph_view.ROLE_WORDS[role], _n(x + 28), _n(y + 4), 10.8, anchor="start")
            drawn.append(_Drawn(graph_view.ROLE_WORDS[role], tuple(shapes), (line,)))
    return drawn


def _title(node: GraphNode) -> str:
    """What hovering over a node, or a screen reader, says."""
    if node.kind == "operation":
        return f"{node.label} ({node.grad_fn})" + (f", {node.detail}" if node.detail else "")
    facts = [
        graph_view.ROLE_WORDS[node.role],
        f"shape {graph_view.shape_text(node.shape)}" if node.shape is not None else "",
        node.dtype or "",
        f"value {node.value_text}" if node.value_text is not None else "",
        f"gradient {node.grad_text}" if node.grad_text else "",
        f"computed by {node.grad_fn}" if node.grad_fn else "",
    ]
    return f"{node.label or 'unnamed tensor'}: " + ", ".join(fact for fact in facts if fact)


def _of_roots(record: GraphRecord) -> str:
    names = [node.label for node in record.nodes if node.id in record.roots and node.label]
    return f" of {', '.join(names[:4])}" if names else ""


def _description(record: GraphRecord) -> str:
    """The graph in a sentence or two for those who do not see the picture."""
    operations = [node for node in record.nodes if node.kind == "operation"]
    tensors = len(record.nodes) - len(operations)
    text = f"{tensors} tensors and {len(operations)} operations, inputs above results."
    if len(operations) > 12:
        return text
    label = {node.id: node.label or f"a tensor of shape {graph_view.shape_text(node.shape)}" for node in record.nodes}
    for operation in operations:
        given = " and ".join(label[edge.source] for edge in record.edges if edge.target == operation.id)
        gives = " and ".join(label[edge.target] for edge in record.edges if edge.source == operation.id)
        text += f" {operation.label} of {given or 'nothing drawn'} gives {gives or 'a tensor'}."
    return text
