"""A measured figure beside its goal, and a table and a file of such figures."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

from rich.table import Table


@dataclass(frozen=True)
class Figure:
    """One measurement against another one, or against a limit.

    Attributes:
        ours: what torchmagic takes, in ``unit``.
        other: what the peer takes, or the limit, in the same unit.
        other_name: the peer's name, or "limit".
        goal: what ``other / ours`` has to be at the least ("faster"), or ``ours / other`` at the most ("within").
    """

    name: str
    ours: float
    other: float
    other_name: str
    unit: str
    goal: float
    kind: Literal["faster", "within"]

    @property
    def ratio(self) -> float:
        """The ratio that the goal is about.

        >>> Figure("grade", 0.2, 4.0, "plain", "s", 15, "faster").ratio
        20.0
        """
        return self.other / self.ours if self.kind == "faster" else self.ours / self.other

    @property
    def met(self) -> bool:
        """Whether the goal is reached; a ratio that is not a number never is.

        >>> Figure("demo", float("nan"), 20.0, "limit", "s", 1, "within").met
        False
        """
        return self.ratio >= self.goal if self.kind == "faster" else self.ratio <= self.goal


def table(figures: Sequence[Figure]) -> Table:
    """All figures, one a row."""
    grid = Table(title="Figures", title_justify="left")
    for heading in ("figure", "ours", "against", "ratio", "goal", "met"):
        grid.add_column(heading, justify="left" if heading in ("figure", "against") else "right")
    for figure in figures:
        sign = "≥" if figure.kind == "faster" else "≤"
        grid.add_row(
            figure.name,
            f"{figure.ours:.3g} {figure.unit}",
            f"{figure.other_name}: {figure.other:.3g} {figure.unit}",
            f"{figure.ratio:.3g}×",
            f"{sign} {figure.goal:g}×",
            "[green]yes[/]" if figure.met else "[bold red]no[/]",
        )
    return grid


def store(figures: Sequence[Figure], path: Path) -> None:
    """Write the figures as JSON, for comparing runs."""
    rows = [{**asdict(figure), "ratio": figure.ratio, "met": figure.met} for figure in figures]
    path.write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")
