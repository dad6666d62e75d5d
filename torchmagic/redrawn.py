"""One display of a cell that is redrawn while the cell runs: a picture in the place of the last one.

It publishes as the cell does, through the shell that it is given; it imports nothing of IPython.
"""

from __future__ import annotations

from typing import Any

from torchmagic.terminal import Terminal


class Redrawn:
    """One display of the cell; the publisher is the cell's own, whatever captures output inside it.

    Args:
        shell: the IPython shell.
        terminal: that it runs in; None for a notebook.
        display_id: what a front end knows the display by.
    """

    def __init__(self, shell: Any, terminal: Terminal | None, display_id: str) -> None:
        self.in_place = getattr(shell, "kernel", None) is not None
        self._terminal = terminal
        self._publisher = shell.display_pub
        self._id = display_id
        self._shown = False

    @property
    def width(self) -> int | None:
        """The columns of a terminal; None for a notebook."""
        return None if self._terminal is None else self._terminal.width

    def show(self, bundle: dict[str, Any]) -> None:
        """Show a picture, or put it in the place of the last one; in a terminal the text."""
        if self._terminal is not None:
            bundle = {"text/plain": self._terminal.coloured(bundle["text/plain"])}
        again = self._shown and self.in_place
        self._shown = True
        if self.in_place:
            self._publisher.publish(bundle, {}, transient={"display_id": self._id}, update=again)
        else:
            self._publisher.publish(bundle, {})
