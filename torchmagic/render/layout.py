"""Where nodes and edges of a drawing go: a layered layout from top to bottom, the same at every call."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import graphlay

Point = tuple[float, float]

_OPTIONS: Mapping[str, Any] = {
    "direction": "topbottom",
    "routing": {"style": "diagonal"},
    "spacing": {"layer_gap": 30.0, "node_gap": 22.0, "dummy_gap": 16.0, "isolated_gap": 22.0},
}
_PLENTY = 400
"""Above this many nodes the engine works with less effort, which is many times faster."""


@dataclass(frozen=True, slots=True)
class Layout:
    """Positions in px: ``centres`` by node id, a polyline for each edge in the order given, the size."""

    centres: Mapping[str, Point]
    polylines: tuple[tuple[Point, ...], ...]
    width: float
    height: float


def place(sizes: Mapping[str, tuple[float, float]], edges: Sequence[tuple[str, str]]) -> Layout:
    """Place nodes of the given sizes (width, height, in px) so that every edge points down.

    >>> layout = place({"a": (40, 20), "b": (40, 20)}, [("a", "b")])
    >>> layout.centres["a"][1] < layout.centres["b"][1], len(layout.polylines)
    (True, 1)
    """
    if not sizes:
        return Layout({}, (), 0.0, 0.0)
    graph = graphlay.Graph()
    for ident, (width, height) in sizes.items():
        graph.node(ident, width=width, height=height)
    for source, target in edges:
        graph.edge(source, target)
    options = dict(_OPTIONS) if len(sizes) <= _PLENTY else {**_OPTIONS, "effort": "fast"}
    drawn = graphlay.layout(graph, preset="layered", options=options)
    left, top = drawn.bounds["min"]["x"], drawn.bounds["min"]["y"]
    centres = {
        ident: (node["center"]["x"] - left, node["center"]["y"] - top)
        for ident, node in zip(drawn.ids, drawn.nodes, strict=True)
    }
    lines = [[(point["x"] - left, point["y"] - top) for point in edge["points"]] for edge in drawn.edges]
    if len(sizes) <= _PLENTY:
        rectangles = {ident: (*centres[ident], *size) for ident, size in sizes.items()}
        lines = [_straight(line, edge, rectangles) for line, edge in zip(lines, edges, strict=True)]
    _uncross(lines, [target for _, target in edges], end=-1)
    _uncross(lines, [source for source, _ in edges], end=0)
    polylines = tuple(tuple(line) for line in lines)
    return Layout(centres, polylines, drawn.bounds["max"]["x"] - left, drawn.bounds["max"]["y"] - top)


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
