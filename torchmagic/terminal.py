"""What a terminal shows where a notebook shows HTML: text as wide as the terminal is now, in colours where it has them.

Imports rich when something is coloured, and nothing of IPython.
"""

from __future__ import annotations

import os
import shutil
import sys
from typing import Any

from torchmagic.records import Explanation
from torchmagic.render.wrapping import LEAST, WIDTH, wrapped
from torchmagic.shown import Shown

#: Longer lines are hard to read, however wide the terminal is.
WIDEST = 120


class Terminal:
    """The terminal that an IPython shell runs in.

    >>> Terminal(None).coloured("plain, for this is no terminal")
    'plain, for this is no terminal'
    """

    def __init__(self, shell: Any) -> None:
        self._shell = shell

    @classmethod
    def of(cls, shell: Any) -> Terminal | None:
        """The terminal of a shell; None for a notebook's, which shows HTML."""
        shows = getattr(getattr(shell, "display_formatter", None), "active_types", ("text/html",))
        return None if "text/html" in shows else cls(shell)

    @property
    def width(self) -> int:
        """The columns that text may take, asked anew each time: a window changes its size."""
        try:
            columns = os.get_terminal_size(sys.__stdout__.fileno()).columns  # type: ignore[union-attr]
        except (AttributeError, ValueError, OSError):  # no terminal: a pipe, a file
            columns = shutil.get_terminal_size((WIDTH, 24)).columns
        return max(LEAST, min(columns or WIDTH, WIDEST))

    def bundle(self, record: Shown) -> dict[str, str]:
        """A record, for IPython's formatter: its text alone, so that no HTML is made in vain."""
        apart = "\n" if isinstance(record, Explanation) else ""  # from the traceback above it
        return {"text/plain": apart + self.coloured(record.to_text(self.width))}

    def wrapped(self, text: str) -> str:
        """Sentences, broken where they are wider than the terminal."""
        return "\n".join(piece for line in text.splitlines() for piece in wrapped(line, self.width, later="") or [""])

    @property
    def colours(self) -> bool:
        """False where NO_COLOR, TERM=dumb, ``%colors nocolor`` or a pipe wants none."""
        if os.environ.get("NO_COLOR") or str(getattr(self._shell, "colors", "")).lower() == "nocolor":
            return False
        from torchmagic.render.colours import console

        return console().color_system is not None

    def coloured(self, text: str) -> str:
        """A rendered text in the terminal's colours, where it has any."""
        if not self.colours:
            return text
        from torchmagic.render.colours import in_colours

        return in_colours(text)
