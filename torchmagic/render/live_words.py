"""The words and numbers in which a training loop is told, whatever draws them."""

from __future__ import annotations

import math
from collections.abc import Sequence

from torchmagic.live_records import LiveRecord, LossCurve
from torchmagic.render.graph_tables import seconds_text
from torchmagic.render.graph_templates import printable
from torchmagic.render.words import number


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


def loss_names(losses: Sequence[LossCurve]) -> list[str]:
    """The names of losses, with the line where two have the same.

    >>> loss_names([LossCurve("loss", 3), LossCurve("loss", 9), LossCurve("d", 1)])
    ['loss (line 3)', 'loss (line 9)', 'd']
    """
    names = [loss.name for loss in losses]
    return [
        f"{loss.name} (line {loss.line})" if names.count(loss.name) > 1 and loss.line else loss.name for loss in losses
    ]


def head_text(record: LiveRecord) -> str:
    """How far the loop came and what became of its losses, in a line.

    >>> head_text(LiveRecord(2, 2, ended="KeyboardInterrupt"))
    '2 steps in 0 s, ended by KeyboardInterrupt'
    """
    parts = [f"{record.steps:,} step{'s' * (record.steps != 1)} in {seconds_text(record.seconds)}"]
    for name, loss in list(zip(loss_names(record.losses), record.losses, strict=True))[:2]:
        first = value_text(loss.means[0] if loss.means else loss.last)
        parts.append(f"{printable(name)} {first} → {value_text(loss.last)}" if loss.count > 1 else f"{name} {first}")
    if record.ended:
        parts.append(f"ended by {record.ended}")
    return ", ".join(parts)


def foot_text(record: LiveRecord, hidden: int) -> str:
    """What a picture leaves out or sums up, in sentences; ``hidden`` leaves are only drawn faintly.

    >>> foot_text(LiveRecord(20, 20, width=2), 1)
    '1 more leaf is drawn faintly. A point is the mean of 2 steps; the loss has its range around it.'
    """
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
