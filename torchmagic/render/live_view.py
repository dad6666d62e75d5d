"""What a picture of a training loop shows: its head, panels, rows and foot; one source for SVG, HTML and text."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass, field

from torchmagic.live_records import LiveRecord, ParameterCurve
from torchmagic.render.graph_view import shorten
from torchmagic.render.live_panels import DASHES, Panel, Stroke, gradients, losses, ratios
from torchmagic.render.live_scale import Scale, round_numbers
from torchmagic.render.live_words import foot_text, head_text, value_text
from torchmagic.render.words import shape_text

MOST = 8
_LONGEST_NAME = 40
_COLOURS = ("#3b7ddd", "#c27015", "#2a9558", "#9a63d2")
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

    >>> from torchmagic.live_records import LossCurve
    >>> loss = LossCurve("loss", 3, (1, 2), (4.0, 1.0), (4.0, 1.0), (4.0, 1.0), 1.0, 2)
    >>> make_view(LiveRecord(2, 2, losses=(loss,))).head
    '2 steps in 0 s, loss 4 → 1'
    """
    across = Scale(1.0, float(max(record.steps, 2)), False)
    chosen = most_telling(record.parameters, MOST)
    strokes = {leaf.name: Stroke(_COLOURS[i % 4], DASHES[i // 4]) for i, leaf in enumerate(chosen)}
    others = [leaf for leaf in record.parameters if leaf.name not in strokes]
    panels = [losses(record, across)]
    if record.parameters:
        panels += [gradients(record, across, strokes), ratios(record, across, strokes)]
    head = head_text(record)
    return LiveView(
        head,
        tuple(panels),
        tuple((across.place(n), f"{n:,.0f}") for n in round_numbers(1, max(record.steps, 2), 5) if n == int(n)),
        tuple(_row(leaf, strokes[leaf.name]) for leaf in chosen),
        tuple(_row(leaf, None) for leaf in others),
        foot_text(record, len(others)),
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
