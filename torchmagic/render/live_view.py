"""What a picture of a training loop shows: panels, lines and rows; one source for SVG, HTML and text."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass, field

from torchmagic.live_records import LiveMark, LiveRecord, LossCurve, ParameterCurve
from torchmagic.render.graph_tables import seconds_text
from torchmagic.render.graph_templates import printable
from torchmagic.render.graph_view import shorten
from torchmagic.render.live_scale import Scale, round_numbers, scale
from torchmagic.render.words import number, shape_text

MOST = 8
_LONGEST_NAME = 40
_COLOURS = ("#3b7ddd", "#c27015", "#2a9558", "#9a63d2")
_DASHES = ("", "6 3", "2 3", "9 3 2 3")
_LOSS_COLOURS = ("currentColor", "#d0498c", "#0f8fa3", "#8f7d1a")
_USUAL = (1e-4, 1e-2)
STATUS: dict[str, tuple[str, str]] = {
    "fine": ("✓ fine", "good"),
    "nan": ("✗ NaN", "bad"),
    "inf": ("✗ infinite", "bad"),
    "zero": ("○ zero", "warn"),
    "exploding": ("▲ exploding", "warn"),
    "vanishing": ("▼ vanishing", "warn"),
    "large": ("▲ large steps", "warn"),
    "small": ("▼ tiny steps", "warn"),
    "still": ("○ never changed", "warn"),
    "none": ("○ no gradient", "warn"),
    "unknown": ("– not read", ""),
}
_ORDER = ("nan", "inf", "exploding", "zero", "still", "vanishing", "none", "large", "small", "unknown", "fine")


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


@dataclass(frozen=True, slots=True)
class Row:
    """A leaf in words."""

    name: str
    shape: str
    gradient: str
    ratio: str
    status: str
    tone: str
    stroke: Stroke | None
    norms: tuple[float, ...] = field(default=())


@dataclass(frozen=True, slots=True)
class LiveView:
    """All of a picture."""

    head: str
    panels: tuple[Panel, ...]
    ticks: tuple[tuple[float, str], ...]
    rows: tuple[Row, ...]
    hidden: tuple[Row, ...]
    foot: str
    spoken: str


def make_view(record: LiveRecord) -> LiveView:
    """What is shown of a record.

    >>> loss = LossCurve("loss", 3, (1, 2), (4.0, 1.0), (4.0, 1.0), (4.0, 1.0), 1.0, 2)
    >>> make_view(LiveRecord(2, 2, losses=(loss,))).head
    '2 steps in 0 s, loss 4 → 1'
    """
    across = Scale(1.0, float(max(record.steps, 2)), False)
    chosen = most_telling(record.parameters, MOST)
    strokes = {leaf.name: Stroke(_COLOURS[i % 4], _DASHES[i // 4]) for i, leaf in enumerate(chosen)}
    others = [leaf for leaf in record.parameters if leaf.name not in strokes]
    panels = [_losses(record, across)]
    if record.parameters:
        panels += [_gradients(record, across, strokes), _ratios(record, across, strokes)]
    head = _head(record)
    return LiveView(
        head,
        tuple(panels),
        tuple((across.place(n), f"{n:,.0f}") for n in round_numbers(1, max(record.steps, 2), 5) if n == int(n)),
        tuple(_row(leaf, strokes[leaf.name]) for leaf in chosen),
        tuple(_row(leaf, None) for leaf in others),
        _foot(record, len(others)),
        f"{head}. " + " ".join(f"{row.name}: gradient {row.gradient}, {row.status[2:]}." for row in map(_row, chosen)),
    )


def most_telling(leaves: Sequence[ParameterCurve], most: int) -> list[ParameterCurve]:
    """Those that need a look, then those with the largest and smallest gradients, in the order of the record.

    >>> leaves = [ParameterCurve(str(i), norms=(10.0**i,), status="zero" if i == 2 else "fine") for i in range(5)]
    >>> [leaf.name for leaf in most_telling(leaves, 3)]
    ['0', '2', '4']
    """
    if len(leaves) <= most:
        return list(leaves)
    places = sorted(range(len(leaves)), key=lambda i: _ORDER.index(leaves[i].status))
    troubled = [i for i in places if leaves[i].status != "fine"][: most - 2]
    fine = sorted((i for i in range(len(leaves)) if i not in set(troubled)), key=lambda i: _level(leaves[i]))
    room = most - len(troubled)
    evenly = {fine[round(n * (len(fine) - 1) / max(1, room - 1))] for n in range(room)}
    return [leaves[i] for i in sorted({*troubled, *evenly})]


def _level(leaf: ParameterCurve) -> float:
    return statistics.fmean(leaf.norms[-4:]) if leaf.norms else 0.0


# -- panels ----------------------------------------------------------------------------------------------


def _losses(record: LiveRecord, across: Scale) -> Panel:
    strokes = [Stroke(_LOSS_COLOURS[i % 4], _DASHES[i // 4 % 4]) for i in range(len(record.losses))]
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


def loss_names(losses: Sequence[LossCurve]) -> list[str]:
    """The names of losses, with the line where two have the same.

    >>> loss_names([LossCurve("loss", 3), LossCurve("loss", 9), LossCurve("d", 1)])
    ['loss (line 3)', 'loss (line 9)', 'd']
    """
    names = [loss.name for loss in losses]
    return [
        f"{loss.name} (line {loss.line})" if names.count(loss.name) > 1 and loss.line else loss.name for loss in losses
    ]


def _gradients(record: LiveRecord, across: Scale, strokes: dict[str, Stroke]) -> Panel:
    curves = [(leaf, leaf.steps, leaf.norms) for leaf in record.parameters]
    marks = _marks(record, "gradient", across)
    return _of_leaves("Gradient norm", curves, record.width, across, strokes, marks, None)


def _ratios(record: LiveRecord, across: Scale, strokes: dict[str, Stroke]) -> Panel:
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


# -- words -----------------------------------------------------------------------------------------------


def _head(record: LiveRecord) -> str:
    parts = [f"{record.steps:,} step{'s' * (record.steps != 1)} in {seconds_text(record.seconds)}"]
    for name, loss in list(zip(loss_names(record.losses), record.losses, strict=True))[:2]:
        first = value_text(loss.means[0] if loss.means else loss.last)
        parts.append(f"{printable(name)} {first} → {value_text(loss.last)}" if loss.count > 1 else f"{name} {first}")
    if record.ended:
        parts.append(f"ended by {record.ended}")
    return ", ".join(parts)


def value_text(value: float | None) -> str:
    """A number of a curve: three significant digits, four from 1 to 10,000.

    >>> value_text(0.012345), value_text(1377.2), value_text(float("nan")), value_text(float("inf")), value_text(None)
    ('0.0123', '1377', 'NaN', '∞', '–')
    """
    if value is None:
        return number(None)
    if math.isfinite(value):
        return f"{value:.4g}" if 1 <= abs(value) < 1e4 else f"{value:.3g}"
    return "NaN" if math.isnan(value) else "∞" if value > 0 else "−∞"


def _row(leaf: ParameterCurve, stroke: Stroke | None = None) -> Row:
    word, tone = STATUS[leaf.status]
    return Row(
        shorten(leaf.name, _LONGEST_NAME),
        shape_text(leaf.shape),
        value_text(leaf.last_norm),
        value_text(leaf.last_ratio),
        f"{word}, {leaf.why}" if leaf.why and leaf.status in ("nan", "inf") else word,
        tone,
        stroke,
        leaf.norms,
    )


def _foot(record: LiveRecord, hidden: int) -> str:
    parts = []
    if hidden:
        rest = "is drawn faintly" if hidden == 1 else "are drawn faintly"
        parts.append(f"{hidden:,} more {'leaf' if hidden == 1 else 'leaves'} {rest}.")
    if record.more:
        parts.append(f"{record.more:,} further leaves were not followed.")
    if record.width > 1:
        parts.append(f"A point is the mean of {record.width:,} steps; the loss has its range around it.")
    if 0 < record.looked < record.steps:
        parts.append(f"Gradients were looked at in {record.looked:,} of {record.steps:,} steps, to take little time.")
    if any(leaf.sampled for leaf in record.parameters):
        parts.append("Updates of large leaves are of an even sample of their elements.")
    return " ".join(parts)
