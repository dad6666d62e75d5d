"""Where the words on edges go: beside their line or in a gap of it, and never over anything else."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

from torchmagic.render.graph_boxes import Box
from torchmagic.render.graph_view import View
from torchmagic.render.layout import Layout, Point
from torchmagic.render.wrapping import cells

SMALL_CELL = 6.2
"""px that one monospace character takes at most in an edge's label."""
_OVER = 8.0
_SHARES = (0.35, 0.65, 0.2, 0.8)


@dataclass(frozen=True, slots=True)
class Label:
    """What is written on an edge, around a point; ``gap`` where the line makes room for it."""

    text: str
    x: float
    y: float
    gap: bool = False


def free_labels(view: View, boxes: dict[str, Box], layout: Layout) -> dict[int, Label]:
    """The edges' labels for which there is room: beside the line, or else in a gap of it; by the number of the edge."""
    taken = [
        (x - box.width / 2, y - box.height / 2, x + box.width / 2, y + box.height / 2)
        for ident, box in boxes.items()
        for x, y in (layout.centres[ident],)
    ]
    for x, y, w, h in layout.frames:  # neither on a frame's label nor on its border
        taken += [
            (x - w / 2, y - h / 2, x + w / 2, y - h / 2 + 16),
            (x - w / 2, y + h / 2, x + w / 2, y + h / 2),
            (x - w / 2, y - h / 2, x - w / 2, y + h / 2),
            (x + w / 2, y - h / 2, x + w / 2, y + h / 2),
        ]
    found: dict[int, Label] = {}
    for index, (label, place_) in enumerate(zip(view.labels, layout.labels, strict=True)):
        if not label or place_ is None:
            continue
        half = cells(label) * SMALL_CELL / 2 + 1
        line = layout.polylines[index]
        others = [each for other, each in enumerate(layout.polylines) if other != index]
        for x, y in (place_, *(_along(line, share) for share in _SHARES)):
            shift = _free_shift(line, others, taken, (x, y, half), layout.width)
            if shift is not None:
                taken.append((x + shift - half, y - 6, x + shift + half, y + 6))
                found[index] = Label(label, x + shift, y, gap=not shift)
                break
    return found


def _free_shift(
    line: Sequence[Point],
    others: Sequence[Sequence[Point]],
    taken: Sequence[tuple[float, ...]],
    spot: tuple[float, float, float],
    width: float,
) -> float | None:
    """How far beside a spot (x, y, half the label's width) of the line there is room; 0 for a gap in the line."""
    x, y, half = spot
    for shift in (half + 4, -half - 4, 0.0):
        own = (x + shift - half, y - 6, x + shift + half, y + 6)
        if own[0] < -_OVER or own[2] > width + _OVER or any(meet(own, each) for each in taken):
            continue
        if not any(passes(each, own) for each in others) and not (shift and passes(line, own)):
            return shift
    return None


def _along(line: Sequence[Point], share: float) -> Point:
    """The point of a line that goes down at a share of its height."""
    height = line[0][1] + (line[-1][1] - line[0][1]) * share
    for (x0, y0), (x1, y1) in itertools.pairwise(line):
        if y0 <= height <= y1 and y1 > y0:
            return x0 + (x1 - x0) * (height - y0) / (y1 - y0), height
    return line[0]


def meet(one: tuple[float, ...], two: tuple[float, ...]) -> bool:
    """Whether two rectangles (left, top, right, bottom) overlap."""
    return one[0] < two[2] and two[0] < one[2] and one[1] < two[3] and two[1] < one[3]


def passes(line: Sequence[Point], box: tuple[float, ...]) -> bool:
    """Whether a line that goes down passes through a rectangle.

    >>> passes([(0, 0), (10, 10)], (4, 4, 6, 6)), passes([(0, 0), (0, 10)], (4, 4, 6, 6))
    (True, False)
    """
    if line[-1][1] < box[1] or line[0][1] > box[3]:
        return False
    for (x0, y0), (x1, y1) in itertools.pairwise(line):
        top, bottom = max(min(y0, y1), box[1]), min(max(y0, y1), box[3])
        if top > bottom:
            continue
        ends = (x0, x1) if y0 == y1 else tuple(x0 + (x1 - x0) * (level - y0) / (y1 - y0) for level in (top, bottom))
        if min(ends) < box[2] and max(ends) > box[0]:
            return True
    return False
