"""A graph to pan, zoom, open and click on, by way of anywidget; which is imported only when it is asked for."""

from __future__ import annotations

import sys
from dataclasses import asdict
from functools import cache
from importlib import import_module
from importlib.resources import files
from typing import Any

from markupsafe import Markup

from torchmagic.errors import TorchmagicError
from torchmagic.graph_records import GraphRecord
from torchmagic.render.graph_board import Board, Drawn
from torchmagic.render.graph_html import graph_html
from torchmagic.render.graph_look import Look
from torchmagic.render.graph_templates import template
from torchmagic.render.graph_text import graph_text

MISSING = "An interactive graph needs the package anywidget, which is not installed."
HINT = 'Install it, and restart the kernel: pip install "torchmagic[widgets]"'
#: What stands below the still picture where no widget is.
AGAIN = "To move, zoom and open this graph, run its cell again."
_AGAIN = {"text/plain": AGAIN, "text/html": f"<p>{AGAIN}</p>"}


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
    return kind(board, {"text/plain": graph_text(record, look), "text/html": graph_html(record, look)})


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

        def __init__(self, board: Board, still: dict[str, str]) -> None:
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
            """The widget, with the still picture for who shows no widgets."""
            found = super()._repr_mimebundle_(**kwargs)
            data, metadata = found if isinstance(found, tuple) else (found or {}, {})
            return {**data, **self._still}, metadata

        def outputs(self) -> tuple[dict[str, Any], dict[str, Any]]:
            """Two outputs to display, one below the other: the still picture and the widget.

            Of one output with both, JupyterLab shows the widget alone, even where its kernel is gone and nothing of
            it is left to show. The widget's style sheet hides the picture above it while it is there itself.
            """
            picture = template("still.html.j2").render(picture=Markup(self._still["text/html"]), again=AGAIN)
            return {**self._still, "text/html": picture}, {**self._repr_mimebundle_()[0], **_AGAIN}

        def _ipython_display_(self) -> None:
            display = sys.modules["IPython.display"].display  # which calls this
            for output in self.outputs():
                display(output, raw=True)

    return GraphWidget
