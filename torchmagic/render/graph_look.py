"""How a reader wants a graph drawn: how deep into modules, what opened, in which colours."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Theme = Literal["auto", "light", "dark"]


@dataclass(frozen=True, slots=True)
class Look:
    """What of a graph to draw, and how.

    Attributes:
        depth: how many levels of modules to open; None collapses them to a limit of nodes.
        expand: names of modules to open whatever the depth.
        theme: "auto" takes the page's own colours.
    """

    depth: int | None = None
    expand: tuple[str, ...] = ()
    theme: Theme = "auto"


PLAIN = Look()
"""As notebooks show it, where nothing else was asked."""
