"""A GraphRecord as an HTML figure: the picture, its notes, and the tables under it."""

from __future__ import annotations

from markupsafe import Markup

from torchmagic.graph_records import GraphRecord
from torchmagic.render.graph_look import Look
from torchmagic.render.graph_svg import BACKGROUNDS, COLOURS, graph_svg
from torchmagic.render.graph_tables import make_tables
from torchmagic.render.graph_templates import template
from torchmagic.render.graph_text import graph_lines

_OPEN_ROWS = 14
_MOST_ROWS = 150


def graph_html(record: GraphRecord, look: Look = Look()) -> str:  # noqa: B008 (frozen)
    """The picture of the graph with its notes and tables; no script.

    The tables read without their style sheet. Where style is stripped, as in a notebook that is not trusted, the
    picture goes as well, and its text is shown in its place.

    >>> from torchmagic.graph_records import GraphNode
    >>> leaf = GraphNode("n1", "tensor", "W", "leaf", shape=(), value=3.0, value_text="3", grad=-16.0,
    ...                  grad_text="-16", grad_of="loss")
    >>> "negative: raising W lowers loss" in graph_html(GraphRecord((leaf,), (), backward_ran=True))
    True
    """
    background = BACKGROUNDS.get(look.theme, "")
    html = template("graph.html.j2").render(
        svg=Markup(graph_svg(record, look)) if record.nodes else "",  # escaped where it was made
        lines="\n".join(graph_lines(record, look)).split("\n") if record.nodes else (),
        colour=COLOURS[look.theme] if background else "var(--jp-content-font-color1, inherit)",
        background=background,
        notes=record.notes,
        tables=make_tables(record),
        open_rows=_OPEN_ROWS,
        most_rows=_MOST_ROWS,
    )
    return html.strip()
