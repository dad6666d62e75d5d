"""How a graph is to be drawn: what reader and caller choose, apart from the record."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Theme = Literal["auto", "light", "dark"]


@dataclass(frozen=True, slots=True)
class Look:
    """What to open and in which colours.

    Attributes:
        depth: how many levels of modules (and of folded repeats) are opened; None opens as many as can be read.
        expand: modules to open besides, by path (``"model.layers.3"``), the end of one (``"layers.3"``), a pattern
            (``"layers.*.linear1"``) or class name.
        theme: "auto" takes the colours of the page; "light" and "dark" bring their own, for files.

    >>> Look(depth=2).theme
    'auto'
    """

    depth: int | None = None
    expand: tuple[str, ...] = ()
    theme: Theme = "auto"
