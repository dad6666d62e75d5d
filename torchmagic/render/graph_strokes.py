"""Put boxes, edges and frames on a canvas. Roles differ by outline as well as by colour."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

from torchmagic.graph_records import GraphEdge
from torchmagic.render.graph_boxes import CELL, RADIUS, SMALL, Box
from torchmagic.render.graph_canvas import Canvas, Style, number
from torchmagic.render.graph_collapse import Frame
from torchmagic.render.graph_labels import Label, passes
from torchmagic.render.graph_view import shorten
from torchmagic.render.wrapping import cells

Point = tuple[float, float]

_COLOURS = {"data": "#75859a", "leaf": "#2a9558", "parameter": "#c27015", "result": "#3b7ddd", "fold": "#8a63d2"}
WARNING = "#d1242f"
_THICK = {"data": 1.4, "leaf": 1.8, "parameter": 1.4, "intermediate": 1.0, "result": 2.6, "fold": 1.6}
_OPERATION = Style("currentColor", 0.05)
_LINE = Style(width=1.2, faint=0.6)
_HEAD = Style("currentColor", 0.7, "none")
_CUT_LINE = Style(stroke=WARNING, width=1.4, dash="5 4")
_CUT_HEAD = Style(WARNING, 0.9, "none")
_FRAME = Style("currentColor", 0.03, "currentColor", 1.0, "1 3", 0.55)
_STUB = Style(width=2, dash="1 4", faint=0.6)
_GAP = 8.0
_FRAMES, _EDGES, _HEADS, _BOXES, _MARKS = range(5)


def style_of(role: str) -> Style:
    """How a box of that role is drawn.

    >>> style_of("data").dash
    '5 3'
    """
    if role == "cut":
        return Style(WARNING, 0.1, WARNING, 1.6, "3 2")
    colour = _COLOURS.get(role, "currentColor")
    opacity = 0.04 if role == "intermediate" else 0.13
    return Style(colour, opacity, colour, _THICK[role], "5 3" if role == "data" else "")


def draw_box(canvas: Canvas, box: Box, centre: Point) -> None:
    """A box with its words."""
    x, y = centre
    half, tall = box.width / 2, box.height / 2
    if box.form in ("diamond", "hexagon"):
        inset = half if box.form == "diamond" else 12.0
        points = [(x - half, y), (x - half + inset, y - tall), (x + half - inset, y - tall), (x + half, y),
                  (x + half - inset, y + tall), (x - half + inset, y + tall)]  # fmt: skip
        if box.form == "diamond":
            points = [points[0], points[1], points[3], points[4]]
        canvas.path(_BOXES, _OPERATION, points, True, box.title)
    else:
        draw_outline(canvas, box.role, (x - half, y - tall, box.width, box.height), box.title, box.stacked)
    middle = x
    if box.form == "cut":
        scissors(canvas, x - half + 15, y)
        middle = x + 11
    elif box.stacked:
        middle, y = x - 3, y - 3
    first = y - (len(box.lines) - 1) * box.step / 2 + 4
    for i, text in enumerate(box.lines):
        canvas.text(middle, first + i * box.step, text, SMALL if i else 1.0, box.bold and not i)


def draw_outline(
    canvas: Canvas, role: str, box: tuple[float, float, float, float], title: str = "", stacked: bool = False
) -> None:
    """The outline of a tensor, a fold or a cut."""
    x, y, width, height = box
    radius = min(RADIUS[role], height / 2)
    style = style_of(role)
    if stacked:
        behind = Style("none", 1.0, style.stroke, 1.2)
        for shift in (6, 3):
            canvas.path(
                _BOXES,
                behind,
                [
                    (x + shift + 3, y + height - 6 + shift),
                    (x + width - 6 + shift, y + height - 6 + shift),
                    (x + width - 6 + shift, y + shift + 3),
                ],
            )
        width, height = width - 6, height - 6
    canvas.rectangle(_BOXES, style, (x, y, width, height), radius, title)
    if role == "parameter":
        inner = Style("none", 1.0, style.stroke, 1.0)
        canvas.rectangle(_MARKS, inner, (x + 3, y + 3, width - 6, height - 6), max(0.0, radius - 3))


def scissors(canvas: Canvas, x: float, y: float) -> None:
    """A pair of scissors around a point."""
    left, top = x + canvas.left, y + canvas.top
    data = ""
    for side in (-1, 1):
        ring = "m-2.6 0a2.6 2.6 0 1 0 5.2 0a2.6 2.6 0 1 0 -5.2 0"
        data += f"M{number(left - 5)} {number(top + side * 4)}{ring}"
        data += f"M{number(left - 2.8)} {number(top + side * 2.6)}L{number(left + 8)} {number(top - side * 4)}"
    canvas.curve(_MARKS, Style("none", 1.0, WARNING, 1.5), data)


def draw_edge(
    canvas: Canvas,
    edge: GraphEdge,
    points: Sequence[Point],
    boxes: tuple[Box, Box],
    centres: tuple[Point, Point],
    label: Label | None,
    title: str,
    words: Sequence[tuple[float, float, float, float]] = (),
) -> None:
    """A line from border to border with an arrowhead, and what is written on it; ``words`` are left free."""
    source, target = boxes
    line = list(points)
    (x0, _), (x1, _) = line[0], line[-1]
    line[0] = (x0, centres[0][1] + source.reach(x0 - centres[0][0]))
    tip = (x1, centres[1][1] - target.reach(x1 - centres[1][0]) - 1)
    before = line[-2]
    length = math.dist(before, tip) or 1.0
    ux, uy = (tip[0] - before[0]) / length, (tip[1] - before[1]) / length
    foot = (tip[0] - 7 * ux, tip[1] - 7 * uy)
    line[-1] = (tip[0] - 5 * ux, tip[1] - 5 * uy)
    head = [tip, (foot[0] - 3.5 * uy, foot[1] + 3.5 * ux), (foot[0] + 3.5 * uy, foot[1] - 3.5 * ux)]
    cut = "cut" in (source.form, target.form)
    parts = [line]
    if label is not None:
        parts = _parted(line, label.y) if label.gap else parts
        canvas.text(label.x, label.y + 3.5, label.text, 0.85)
    for box in words:
        if passes(points, box):
            parts = [each for part in parts for each in _parted(part, (box[1] + box[3]) / 2)]
    for part in parts:
        canvas.path(_EDGES, _CUT_LINE if cut else _LINE, part, False, title)
    canvas.path(_HEADS, _CUT_HEAD if cut else _HEAD, head, True)


def _parted(line: list[Point], height: float) -> list[list[Point]]:
    """The line with a gap around a height, for the words that stand there."""
    above: list[Point] = []
    below: list[Point] = []
    for (x0, y0), (x1, y1) in itertools.pairwise(line):
        if y1 <= y0:
            (above if y0 < height else below).extend([(x0, y0), (x1, y1)])
            continue
        for part, low, high in ((above, y0, min(y1, height - _GAP)), (below, max(y0, height + _GAP), y1)):
            if low < high:
                for level in (low, high):
                    point = (x0 + (x1 - x0) * (level - y0) / (y1 - y0), level)
                    if not part or part[-1] != point:
                        part.append(point)
    return [part for part in (above, below) if len(part) > 1]


def draw_frame(
    canvas: Canvas, frame: Frame, rectangle: tuple[float, float, float, float], lines: Sequence[Sequence[Point]]
) -> tuple[float, float, float, float] | None:
    """A frame with its label in an upper corner, the one that fewer lines pass through.

    Gives the label's left, top, right and bottom; None where there is no room for one.
    """
    x, y, width, height = rectangle
    left, top = x - width / 2, y - height / 2
    canvas.rectangle(_FRAMES, _FRAME, (left, top, width, height), 8, frame.title)
    room = int((width - 12) / (CELL * SMALL))
    if room <= 3:
        return None
    text = shorten(frame.label, room)
    wide = cells(text) * CELL * SMALL
    starts = (left + 7, left + width - 5 - wide)
    near = [line for line in lines if line[0][1] < top + 16 and line[-1][1] > top + 3]
    crossed = [sum(passes(line, (start, top + 3, start + wide, top + 16)) for line in near) for start in starts]
    start = starts[0] if crossed[0] <= crossed[1] else starts[1]
    canvas.text(start, top + 13, text, SMALL, True, "start")
    return start, top + 3, start + wide, top + 16


def draw_stub(canvas: Canvas, centre: Point, box: Box) -> None:
    """A dotted line into a node whose inputs are left out."""
    top = centre[1] - box.height / 2
    canvas.path(_EDGES, _STUB, [(centre[0], top - 16), (centre[0], top - 3)])
