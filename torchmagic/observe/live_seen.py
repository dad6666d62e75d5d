"""What has been seen of a training loop: its losses and leaves as they are collected, and as its record has them."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Literal

from torchmagic.live_records import LiveMark, LossCurve, ParameterCurve
from torchmagic.observe.live_curves import Curve, short
from torchmagic.observe.live_weights import SAMPLE

_MOST_MARKS = 40


@dataclass(slots=True)
class SeenLoss:
    """A loss: its curve, and where its passes begin."""

    name: str
    line: int | None
    curve: Curve = field(default_factory=Curve)

    def recorded(self) -> LossCurve:
        """The loss as a record has it."""
        curve = self.curve
        lows, highs = (tuple(map(short, column)) for column in (curve.lows, curve.highs))
        return LossCurve(self.name, self.line, curve.steps(), curve.means(), lows, highs, curve.last, curve.count)


@dataclass(slots=True)
class SeenLeaf:
    """A leaf: its gradients and updates, how often it changed and how often its gradient was None."""

    name: str
    shape: tuple[int, ...]
    numel: int
    norms: Curve = field(default_factory=Curve)
    ratios: Curve = field(default_factory=Curve)
    weight_norm: float | None = None
    changed: int = 0
    compared: int = 0
    without: int = 0

    def recorded(self) -> ParameterCurve:
        """The leaf as a record has it, but for its status."""
        norms, ratios = self.norms, self.ratios
        return ParameterCurve(
            self.name,
            self.shape,
            self.numel,
            norms.steps(),
            norms.means(),
            ratios.steps(),
            ratios.means(),
            last_norm=norms.last,
            last_ratio=ratios.last,
            weight_norm=self.weight_norm,
            sampled=self.numel > SAMPLE,
        )


class Marks:
    """Where values were first not finite.

    >>> marks = Marks()
    >>> for step, loss in enumerate([1.0, math.inf, math.inf, math.nan], 1):
    ...     marks.look(step, "loss", "loss", loss)
    >>> [(mark.step, mark.kind, mark.count) for mark in marks.recorded()]
    [(2, 'inf', 2), (4, 'nan', 1)]
    """

    def __init__(self) -> None:
        self._marks: dict[tuple[str, str, str], LiveMark] = {}

    def look(self, step: int, what: Literal["loss", "gradient"], name: str, value: float) -> None:
        """Look at a value, and mark the step where it is NaN or infinite."""
        if math.isfinite(value):
            return
        kind: Literal["nan", "inf"] = "nan" if math.isnan(value) else "inf"
        known = self._marks.get((what, kind, name))
        if known is None and len(self._marks) < _MOST_MARKS:
            self._marks[what, kind, name] = LiveMark(step, what, kind, name)
        elif known is not None:
            self._marks[what, kind, name] = LiveMark(known.step, what, kind, name, known.count + 1)

    def recorded(self) -> tuple[LiveMark, ...]:
        """The marks, first ones first."""
        return tuple(sorted(self._marks.values(), key=lambda mark: mark.step))
