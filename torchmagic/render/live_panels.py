"""The panels of a training loop's picture: its losses, gradient norms and updates as lines between 0 and 1."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from torchmagic.live_records import LiveMark, LiveRecord, ParameterCurve
from torchmagic.render.live_scale import Scale, scale
from torchmagic.render.live_words import loss_names, value_text

DASHES = ("", "6 3", "2 3", "9 3 2 3")
_LOSS_COLOURS = ("currentColor", "#d0498c", "#0f8fa3", "#8f7d1a")
_USUAL = (1e-4, 1e-2)


@dataclass(frozen=True, slots=True)
class Stroke:
    """How a line looks."""

    colour: str
    dash: str = ""


@dataclass(frozen=True, slots=True)
class Line:
    """A curve: its points (0 to 1, from left and from below), what hovering says, and an area around it."""

    stroke: Stroke
    points: tuple[tuple[float, float], ...]
    title: str
    area: tuple[tuple[float, float], ...] = ()


@dataclass(frozen=True, slots=True)
class Mark:
    """A step to be marked: where it lies, and what is written there."""

    place: float
    text: str


@dataclass(frozen=True, slots=True)
class Panel:
    """One diagram.

    Attributes:
        head: what it shows; ``keys`` with their strokes follow.
        lines: front ones last.
        ticks: of the vertical axis.
        marks: where something was not finite.
        zone: the usual range, where there is one.
        height: in px, of the diagram itself.
        empty: what is written where there is no line.
    """

    head: str
    keys: tuple[tuple[str, Stroke], ...]
    lines: tuple[Line, ...]
    ticks: tuple[tuple[float, str], ...]
    marks: tuple[Mark, ...] = ()
    zone: tuple[float, float] | None = None
    height: int = 110
    empty: str = ""


def losses(record: LiveRecord, across: Scale) -> Panel:
    """The losses, each with its range where a point is of several steps.

    >>> losses(LiveRecord(1, 1), Scale(1.0, 2.0, False)).empty
    'No pass began at a scalar: there is no loss to draw.'
    """
    strokes = [Stroke(_LOSS_COLOURS[i % 4], DASHES[i // 4 % 4]) for i in range(len(record.losses))]
    names = loss_names(record.losses)
    up = scale([value for loss in record.losses for value in (*loss.lows, *loss.highs)])
    lines = []
    for loss, stroke, name in zip(record.losses, strokes, names, strict=True):
        points = _points(loss.steps, loss.means, record.width, across, up)
        area: tuple[tuple[float, float], ...] = ()
        if record.width > 1 and len(points) > 1:
            edges = (_points(loss.steps, each, record.width, across, up) for each in (loss.highs, loss.lows))
            high, low = edges
            area = (*high, *reversed(low))
        lines.append(Line(stroke, points, f"{name}, last {value_text(loss.last)}", area))
    keys = tuple(
        (f"{name} {value_text(loss.last)}", stroke)
        for name, loss, stroke in zip(names, record.losses, strokes, strict=True)
    )
    marks = _marks(record, "loss", across)
    log = " (log scale)" if up.log and lines else ""
    empty = "" if record.losses else "No pass began at a scalar: there is no loss to draw."
    return Panel(f"Loss{log}", keys, tuple(reversed(lines)), tuple(up.ticks()), marks, None, 120, empty)


def gradients(record: LiveRecord, across: Scale, strokes: dict[str, Stroke]) -> Panel:
    """The gradient norms of the leaves; those without a stroke of their own are faint."""
    curves = [(leaf, leaf.steps, leaf.norms) for leaf in record.parameters]
    marks = _marks(record, "gradient", across)
    return _of_leaves("Gradient norm", curves, record.width, across, strokes, marks, None)


def ratios(record: LiveRecord, across: Scale, strokes: dict[str, Stroke]) -> Panel:
    """What each step changed of the leaves, beside the usual range."""
    curves = [(leaf, leaf.ratio_steps, leaf.ratios) for leaf in record.parameters]
    return _of_leaves("Update to weight, ‖Δw‖ / ‖w‖", curves, record.width, across, strokes, (), _USUAL)


def _of_leaves(
    head: str,
    curves: Sequence[tuple[ParameterCurve, tuple[int, ...], tuple[float, ...]]],
    width: int,
    across: Scale,
    strokes: dict[str, Stroke],
    marks: tuple[Mark, ...],
    usual: tuple[float, float] | None,
) -> Panel:
    known = [value for _, _, values in curves for value in values]
    up = scale([*known, *(usual or ())] if known else (), log=True)
    lines: list[Line] = []
    for leaf, steps, values in curves:
        if values and leaf.name not in strokes:
            lines.append(Line(Stroke("faint"), _points(steps, values, width, across, up), leaf.name))
    for leaf, steps, values in curves:
        if values and leaf.name in strokes:
            title = f"{leaf.name}, last {value_text(values[-1])}"
            lines.append(Line(strokes[leaf.name], _points(steps, values, width, across, up), title))
    zone = None if usual is None or not known else (up.place(usual[0]), up.place(usual[1]))
    empty = "" if known else "No weight has changed yet." if usual else "No gradient was read."
    ticks = tuple(up.ticks()) if known else ()
    return Panel(head, (), tuple(lines), ticks, marks, zone, 110, empty)


def _points(
    steps: Sequence[int], values: Sequence[float], width: int, across: Scale, up: Scale
) -> tuple[tuple[float, float], ...]:
    middle = (width - 1) / 2
    return tuple((across.place(step + middle), up.place(value)) for step, value in zip(steps, values, strict=True))


def _marks(record: LiveRecord, what: str, across: Scale) -> tuple[Mark, ...]:
    first: dict[str, LiveMark] = {}
    for mark in record.marks:
        if mark.what == what:
            first.setdefault(mark.kind, mark)
    words = {"nan": "NaN", "inf": "infinite"}
    found = [Mark(across.place(mark.step), f"{words[kind]} at step {mark.step:,}") for kind, mark in first.items()]
    return tuple(sorted(found, key=lambda mark: mark.place))
