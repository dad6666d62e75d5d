"""Where the nodes and edges of a drawing go: a layered layout from top to bottom, always the same for one graph."""

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
    """Positions in px: ``centres`` by node id, one polyline for each edge in the order given, and the whole size."""

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
    polylines = tuple(
        tuple((point["x"] - left, point["y"] - top) for point in edge["points"]) for edge in drawn.edges
    )
    return Layout(centres, polylines, drawn.bounds["max"]["x"] - left, drawn.bounds["max"]["y"] - top)
