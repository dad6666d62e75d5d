"""A graph to pan, zoom, open and click on, by way of anywidget; which is imported only when it is asked for."""

from __future__ import annotations

from dataclasses import asdict
from functools import cache
from importlib import import_module
from importlib.resources import files
from typing import Any

from torchmagic.errors import TorchmagicError
from torchmagic.graph_records import GraphRecord
from torchmagic.render.graph_board import Board, Drawn
from torchmagic.render.graph_html import graph_html
from torchmagic.render.graph_look import Look
from torchmagic.render.graph_text import graph_text

_MIME = "application/vnd.jupyter.widget-view+json"
MISSING = "An interactive graph needs the package anywidget, which is not installed."
HINT = 'Install it, and restart the kernel: pip install "torchmagic[widgets]"'


def graph_widget(record: GraphRecord, look: Look = Look()) -> Any:  # noqa: B008 (frozen)
    """The widget of a graph.

    Args:
        record: the graph.
        look: what is open at first, and in which colours.

    Raises:
        TorchmagicError: anywidget is not installed, or the graph is empty.
    """
    if not record.nodes:
        raise TorchmagicError("There is no graph to show: the record has no nodes.")
    try:
        kind = _kind()
    except ImportError:
        raise TorchmagicError(MISSING, hint=HINT) from None
    board = Board(record, look)
    return kind(board, (graph_text(record, look), graph_html(record, look)))


def _state(drawn: Drawn, focus: str) -> dict[str, Any]:
    return {
        "svg": drawn.svg,
        "spots": [asdict(spot) for spot in drawn.spots],
        "can_open": drawn.can_open,
        "can_close": drawn.can_close,
        "focus": focus,
    }


@cache
def _kind() -> Any:
    """The widget's class, made when it is first asked for: its base comes from anywidget."""
    anywidget, traitlets = import_module("anywidget"), import_module("traitlets")
    folder = files("torchmagic.render") / "templates"

    class GraphWidget(anywidget.AnyWidget):  # type: ignore[name-defined, misc]
        """A graph with its board; the front end is told what to draw and tells which spot was chosen."""

        _esm = (folder / "widget.js").read_text(encoding="utf-8")
        _css = (folder / "widget.css").read_text(encoding="utf-8")
        svg = traitlets.Unicode().tag(sync=True)
        spots = traitlets.List().tag(sync=True)
        can_open = traitlets.Bool().tag(sync=True)
        can_close = traitlets.Bool().tag(sync=True)
        focus = traitlets.Unicode().tag(sync=True)
        drawn = traitlets.Int().tag(sync=True)

        def __init__(self, board: Board, still: tuple[str, str]) -> None:
            self._board = board
            self._still = still
            self._opened = board.start
            super().__init__(**_state(board.draw(board.start), ""))
            self.on_msg(self._chosen)

        def _chosen(self, _: object, message: Any, __: object) -> None:
            kind = message.get("kind") if isinstance(message, dict) else None
            ident = str(message.get("id", "")) if kind == "toggle" else ""
            board = self._board
            opened = {
                "toggle": lambda: board.toggled(self._opened, ident),
                "all": lambda: board.everything,
                "none": lambda: board.nothing,
                "start": lambda: board.start,
            }.get(str(kind))
            if opened is not None:
                self._opened = opened()
                with self.hold_sync():
                    for name, value in _state(board.draw(self._opened), ident).items():
                        setattr(self, name, value)
                    self.drawn += 1  # the front end draws once, when all of it is there

        def _repr_mimebundle_(self, **kwargs: Any) -> Any:
            """The widget, with the still picture for where no program runs."""
            found = super()._repr_mimebundle_(**kwargs)
            data, metadata = found if isinstance(found, tuple) else (found or {}, {})
            return {**data, "text/plain": self._still[0], "text/html": self._still[1]}, metadata

    return GraphWidget
