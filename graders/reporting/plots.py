"""Where the marks of a report's pictures go: plain geometry, which the templates draw as SVG."""

from __future__ import annotations

from dataclasses import dataclass

from graders.reporting.distribution import Scores
from graders.reporting.items import Item
from graders.wording import number_text

WIDTH, HEIGHT = 440, 230
_LEFT, _RIGHT, _TOP, _BOTTOM = 14, 14, 52, 34
_LABEL_EACH = 34
_WORDS = 92
BAR = 200.0
#: How an answer can end, in the order in which a bar shows it: the class of its colour and pattern, and its words.
ENDS = (
    ("full", "all points"),
    ("partial", "some points"),
    ("zero", "wrong"),
    ("blank", "left blank"),
    ("stopped", "stopped or lacking"),
    ("waiting", "no score yet"),
)


@dataclass(frozen=True, slots=True)
class Mark:
    """A bar of a picture: its box, and what it shows in words."""

    x: float
    y: float
    width: float
    height: float
    label: str
    title: str


@dataclass(frozen=True, slots=True)
class Line:
    """An upright line with words above it."""

    x: float
    name: str
    text: str
    anchor: str
    row: int


@dataclass(frozen=True, slots=True)
class Histogram:
    """A histogram of scores: bars, the labels below them, the median and the mean, and all of it in one sentence."""

    bars: tuple[Mark, ...]
    ticks: tuple[tuple[float, str], ...]
    lines: tuple[Line, ...]
    base: float
    sentence: str


@dataclass(frozen=True, slots=True)
class Segment:
    """A part of a question's bar."""

    kind: str
    x: float
    width: float


def histogram(scores: Scores) -> Histogram | None:
    """The picture of a class's scores; None where nobody has one.

    >>> from graders.reporting.distribution import describe_scores
    >>> histogram(describe_scores([1.0, 2.0, 2.0], 2.0)).sentence
    'Scores of 3 students, of 2 points: from 1 to 2, median 2, mean 1.67.'
    """
    if not scores.count or scores.median is None or scores.mean is None:
        return None
    low, high = scores.bins[0].low, scores.bins[-1].high
    inner = WIDTH - _LEFT - _RIGHT
    base = float(HEIGHT - _BOTTOM)
    most = max(one.count for one in scores.bins)
    wide = inner / len(scores.bins)

    def at(score: float) -> float:
        """Where a score is; in the middle of its bin where that is its own."""
        return round(_LEFT + inner * (score + scores.whole / 2 - low) / (high - low), 1)

    bars = tuple(
        Mark(
            x=round(_LEFT + place * wide + 1.5, 1),
            y=round(base - (tall := (base - _TOP) * one.count / most), 1),
            width=round(wide - 3, 1),
            height=round(tall, 1),
            label=str(one.count) if one.count else "",
            title=f"{_points(one.low)}{'' if scores.whole else f' to {_points(one.high)}'} points: {one.count}",
        )
        for place, one in enumerate(scores.bins)
    )
    edges = [one.low for one in scores.bins] + [high] * (not scores.whole)
    step = max(1, -(-_LABEL_EACH // int(wide or 1)))
    ticks = tuple((at(edge), _points(edge)) for place, edge in enumerate(edges) if place % step == 0)
    middle = (("median", scores.median), ("mean", scores.mean))
    lines = tuple(
        Line(at(value), name, f"{name} {_points(value)}", _anchor(at(value), value < other), row)
        for row, ((name, value), other) in enumerate(zip(middle, (scores.mean, scores.median), strict=True))
    )
    sentence = (
        f"Scores of {scores.count} student{'s' * (scores.count != 1)}, of {_points(scores.max_score)} points: "
        f"from {_points(scores.low or 0.0)} to {_points(scores.high or 0.0)}, "
        f"median {_points(scores.median)}, mean {_points(scores.mean)}."
    )
    return Histogram(bars, ticks, lines, base, sentence)


def segments(item: Item) -> tuple[Segment, ...]:
    """A question's bar: how many answers ended in each way.

    >>> from graders.reporting.data import Question
    >>> [(one.kind, one.width) for one in segments(Item(Question("hw", "q", 1.0), 4, full=3, zero=1))]
    [('full', 150.0), ('zero', 50.0)]
    """
    made, x = [], 0.0
    for kind, _ in ENDS:
        width = BAR * getattr(item, kind) / item.counted if item.counted else 0.0
        if width:
            made.append(Segment(kind, round(x, 1), round(width, 1)))
            x += width
    return tuple(made)


def _anchor(x: float, left: bool) -> str:
    """On which side of a line its words are: away from the other line, where there is room."""
    if x < _WORDS:
        return "start"
    return "end" if left or x > WIDTH - _WORDS else "start"


def _points(value: float) -> str:
    return number_text(round(float(value), 2))
