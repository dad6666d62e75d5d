"""Where nodes and edges of a drawing go: a layered layout from top to bottom, the same at every call."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import graphlay

Point = tuple[float, float]

_OPTIONS: Mapping[str, Any] = {
    "direction": "topbottom",
    "routing": {"style": "diagonal"},
    "spacing": {
        "layer_gap": 30.0,
        "node_gap": 22.0,
        "dummy_gap": 16.0,
        "isolated_gap": 22.0,
        "compound_padding": 10.0,
        "compound_header": 14.0,
        "edge_label_margin": 4.0,
    },
}
_PLENTY = 400
"""Above this many nodes the engine works with less effort, which is many times faster."""
_STRAIGHTENED = 200
_LABELLED_GAP = 38.0


Size = tuple[float, float]
Rectangle = tuple[float, float, float, float]
"""Centre, width and height."""


@dataclass(frozen=True, slots=True)
class Framed:
    """Frames around nodes: for each its least width and the frame around it (-1 for none); who is in which."""

    frames: Sequence[tuple[float, int]] = ()
    within: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Layout:
    """Positions in px: ``centres`` by node id, a polyline for each edge in the order given, the size.

    ``labels`` are the places of the edges' labels (None without one), ``frames`` where the frames are.
    """

    centres: Mapping[str, Point]
    polylines: tuple[tuple[Point, ...], ...]
    width: float
    height: float
    labels: tuple[Point | None, ...] = ()
    frames: tuple[Rectangle, ...] = ()


def place(
    sizes: Mapping[str, Size],
    edges: Sequence[tuple[str, str]],
    labels: Sequence[Size | None] = (),
    framed: Framed | None = None,
) -> Layout:
    """Place nodes of the given sizes (width, height, in px) so that every edge points down.

    Args:
        sizes: by node id.
        edges: source and target.
        labels: the sizes of the edges' labels, for which room is made.
        framed: frames, which hold their nodes and no others.

    >>> layout = place({"a": (40, 20), "b": (40, 20)}, [("a", "b")])
    >>> layout.centres["a"][1] < layout.centres["b"][1], len(layout.polylines)
    (True, 1)
    """
    if not sizes:
        return Layout({}, (), 0.0, 0.0)
    framed = framed or Framed()
    graph = graphlay.Graph()
    for width, parent in framed.frames:
        graph.node(None, width=width, height=10.0, **({"parent": parent} if parent >= 0 else {}))
    count = len(framed.frames)
    numbers = {}
    for ident, (width, height) in sizes.items():
        inside = {"parent": framed.within[ident]} if ident in framed.within else {}
        numbers[ident] = graph.node(("node", ident), width=width, height=height, **inside)
    wanted = [*labels, *[None] * (len(edges) - len(labels))]
    for (source, target), label in zip(edges, wanted, strict=True):
        room = {} if label is None else {"label_size": {"width": label[0], "height": label[1]}}
        graph.edge(numbers[source], numbers[target], **room)
    options = dict(_OPTIONS) if len(sizes) <= _PLENTY else {**_OPTIONS, "effort": "fast"}
    together = Counter(framed.within.get(ident, -1) for ident in sizes)
    if max(together.values()) > _PLENTY:  # slanted lines around so many nodes can take minutes
        options["routing"] = {"style": "orthogonal"}
    if any(label is not None for label in wanted):
        options["spacing"] = {**_OPTIONS["spacing"], "layer_gap": _LABELLED_GAP}
    drawn = graphlay.layout(graph, preset="layered", options=options)
    left, top = drawn.bounds["min"]["x"], drawn.bounds["min"]["y"]
    places = [(node["center"]["x"] - left, node["center"]["y"] - top) for node in drawn.nodes]
    centres = dict(zip(sizes, places[count:], strict=True))
    boxes = [
        (*place, node["size"]["width"], node["size"]["height"])
        for place, node in zip(places[:count], drawn.nodes, strict=False)
    ]
    lines = [[(point["x"] - left, point["y"] - top) for point in edge["points"]] for edge in drawn.edges]
    if len(sizes) <= _STRAIGHTENED:
        rectangles = {ident: (*centres[ident], *size) for ident, size in sizes.items()}
        lines = [
            line if label is not None else _straight(line, edge, rectangles)
            for line, edge, label in zip(lines, edges, wanted, strict=True)
        ]
    _uncross(lines, [target for _, target in edges], end=-1)
    _uncross(lines, [source for source, _ in edges], end=0)
    anchors = [
        None if label is None else _halfway(line, (edge["label_anchor"] or {}).get("y", None), top)
        for line, label, edge in zip(lines, wanted, drawn.edges, strict=True)
    ]
    polylines = tuple(tuple(line) for line in lines)
    width, height = drawn.bounds["max"]["x"] - left, drawn.bounds["max"]["y"] - top
    return Layout(centres, polylines, width, height, tuple(anchors), tuple(boxes))


def _halfway(line: Sequence[Point], wanted: float | None, top: float) -> Point:
    """The point of a line at the wanted height, or else in the middle of its height."""
    height = (line[0][1] + line[-1][1]) / 2 if wanted is None else wanted - top
    for (x0, y0), (x1, y1) in itertools.pairwise(line):
        if y0 <= height <= y1 and y1 > y0:
            return x0 + (x1 - x0) * (height - y0) / (y1 - y0), height
    return line[len(line) // 2]


def _uncross(lines: list[list[Point]], ends: Sequence[str], end: int) -> None:
    """Let the edges that meet at a node do so in the order in which they come, so that none cross there.

    Changes ``lines`` in place; ``end`` is 0 for the edges' sources and -1 for their targets.
    """
    meeting: dict[str, list[int]] = {}
    for number, ident in enumerate(ends):
        meeting.setdefault(ident, []).append(number)
    for numbers in meeting.values():
        ports = sorted(lines[number][end][0] for number in numbers)
        for number, x in zip(sorted(numbers, key=lambda n: _comes_from(lines[n], end)), ports, strict=True):
            line = lines[number]
            beside = 1 if end == 0 else -2
            if len(line) > 2 and line[beside][0] == line[end][0]:
                line[beside] = (x, line[beside][1])
            line[end] = (x, line[end][1])


def _comes_from(line: Sequence[Point], end: int) -> float:
    """The x from which an edge reaches its end: that of the nearest bend beside it."""
    at = line[end][0]
    for x, _ in line if end == 0 else reversed(line):
        if abs(x - at) > 1:
            return x
    return at


def _straight(
    line: list[Point], edge: tuple[str, str], rectangles: Mapping[str, tuple[float, float, float, float]]
) -> list[Point]:
    """The line without its bends, where the direct way meets no other node."""
    if len(line) <= 2:
        return line
    (x0, y0), (x1, y1) = line[0], line[-1]
    for ident, (x, y, width, height) in rectangles.items():
        if ident in edge:
            continue
        top, bottom = max(y - height / 2 - 6, y0), min(y + height / 2 + 6, y1)
        if top >= bottom:
            continue
        at = sorted(x0 + (x1 - x0) * (level - y0) / (y1 - y0) for level in (top, bottom))
        if at[1] > x - width / 2 - 8 and at[0] < x + width / 2 + 8:
            return line
    return [line[0], line[-1]]
