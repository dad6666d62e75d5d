"""Partial credit: weighted parts, and the reason for each part that was lost."""

from __future__ import annotations

import contextlib
import os
import sys
import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TextIO

from graders.engine.hidden import failed_in_hidden_line
from graders.failure import CheckFailed
from graders.failure_view import comparison_of, display
from torchmagic.records import Comparison

_WIDTH = 96


@dataclass(frozen=True, slots=True)
class Lost:
    """A part that was not earned."""

    label: str
    points: float
    reason: str
    comparison: Comparison | None = None
    misconception: str = ""


class Credit(float):
    """Points earned, with the parts that were lost.

    >>> Credit(1.5), Credit(1.5).lost
    (1.5, ())
    """

    lost: tuple[Lost, ...]

    def __new__(cls, points: float, lost: Sequence[Lost] = ()) -> Credit:
        """The number, which remembers."""
        made = super().__new__(cls, points)
        made.lost = tuple(lost)
        return made


class Rubric:
    """Adds up the parts of one question; make it with :func:`rubric`."""

    def __init__(self, points: float) -> None:
        self.points = points
        self._asked = 0.0
        self._earned = 0.0
        self.lost: list[Lost] = []

    @contextlib.contextmanager
    def part(self, points: float, label: str) -> Iterator[None]:
        """A part worth ``points``: earned unless the block raises; then its reason is kept and the next part runs."""
        self._asked += points
        try:
            yield
        except Exception as error:  # whatever an answer leads to costs this part alone
            self.lost.append(_lost(label, points, error))
        else:
            self._earned += points

    def score(self) -> Credit:
        """The points earned; prints a line for each part that was lost. Make it a test cell's last expression.

        Raises:
            ValueError: the parts do not add up to the rubric's points (the instructor's mistake).
        """
        if abs(self._asked - self.points) > 1e-9:
            raise ValueError(f"the parts add up to {self._asked:g} points, not to {self.points:g}")
        for lost in self.lost:
            said = f"{lost.label}: 0 of {lost.points:g} points. {lost.reason}"
            print(textwrap.fill(said, _WIDTH, subsequent_indent="  ", replace_whitespace=False), file=_told())
            if lost.comparison is not None:
                display(lost.comparison)
        return Credit(self._earned, self.lost)


def _told() -> TextIO:
    """Where reasons go. nbgrader's Validate shows what a test cell writes to standard error, and nothing else that it
    prints; when work is graded, a line there would cost the whole cell's points."""
    return sys.stderr if os.environ.get("NBGRADER_EXECUTION") == "validate" else sys.stdout


def _lost(label: str, points: float, error: Exception) -> Lost:
    """Why a part was lost; of a hidden line only what a check says of it: other words may tell its inputs."""
    hidden = failed_in_hidden_line(error)
    if isinstance(error, CheckFailed):
        reason, shown = (error.redacted, None) if hidden else (str(error), comparison_of(error))
        return Lost(label, points, reason, shown, error.misconception)
    if hidden:
        return Lost(label, points, "a hidden test failed")
    text = str(error).strip()
    reason = text if isinstance(error, AssertionError) and text else f"{type(error).__name__}: {text}"
    return Lost(label, points, reason.removesuffix(": "))


def rubric(points: float) -> Rubric:
    """A rubric whose parts are worth ``points`` together.

    >>> r = rubric(3)
    >>> with r.part(2, "the shape"):
    ...     assert (3, 1) == (3, 1)
    >>> with r.part(1, "the values"):
    ...     assert 4 == 5, "the sum is 4, expected 5"
    >>> r.score()
    the values: 0 of 1 points. the sum is 4, expected 5
    2.0
    """
    return Rubric(points)
