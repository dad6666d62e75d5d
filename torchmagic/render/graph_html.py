"""A GraphRecord as an HTML figure: the picture, its notes, and a table of the leaves with their gradients."""

from __future__ import annotations

import math
from dataclasses import dataclass

from markupsafe import Markup

from torchmagic.graph_records import GraphNode, GraphRecord
from torchmagic.render.graph_look import Look
from torchmagic.render.graph_svg import graph_svg
from torchmagic.render.graph_templates import template
from torchmagic.render.graph_view import shape_text, shorten

_MOST_ROWS = 20


@dataclass(frozen=True, slots=True)
class _Row:
    name: str
    cells: tuple[str, ...]


def graph_html(record: GraphRecord, look: Look = Look()) -> str:
    """The picture of the graph with its notes and the table of its leaves; no script, no style sheet.

    >>> leaf = GraphNode("n1", "tensor", "W", "leaf", shape=(), value=3.0, value_text="3", grad=-16.0,
    ...                  grad_text="-16", grad_of="loss")
    >>> "negative: raising W lowers loss" in graph_html(GraphRecord((leaf,), (), backward_ran=True))
    True
    """
    leaves = [node for node in record.nodes if node.role in ("leaf", "parameter")]
    has_gradients = any(node.grad_text for node in leaves)
    rows = [_row(node) for node in leaves] if has_gradients else []
    if not any(row.cells[-1] for row in rows):
        rows = [_Row(row.name, row.cells[:-1]) for row in rows]
    more = f"{len(rows) - _MOST_ROWS} more are not listed." if len(rows) > _MOST_ROWS else ""
    return template(
        "graph.html.j2"
    ).render(
        svg=Markup(graph_svg(record, look)),  # escaped where it was made
        notes=record.notes,
        caption="Leaves: what a gradient step would move",
        heads=("leaf", "value", "gradient", "sign")[: 1 + len(rows[0].cells)] if rows else (),
        rows=rows[:_MOST_ROWS],
        more=more,
    )


def _row(node: GraphNode) -> _Row:
    value = node.value_text or " ".join(filter(None, (shape_text(node.shape), node.dtype)))
    return _Row(shorten(node.label, 48) or "(unnamed)", (value, node.grad_text or "none", sign_words(node)))


def sign_words(node: GraphNode) -> str:
    """The sign of a scalar leaf's gradient in words, or "" where words would say nothing true.

    >>> sign_words(GraphNode("n1", "tensor", "b", "leaf", grad=0.0, grad_of="loss"))
    'zero: a small change of b leaves loss as it is'
    """
    if node.grad is None or not node.grad_of:
        return ""
    name, of = shorten(node.label) or "it", shorten(node.grad_of)
    if math.isnan(node.grad):
        return "not a number: something in the graph is undefined here"
    if node.grad == 0:
        return f"zero: a small change of {name} leaves {of} as it is"
    if node.grad < 0:
        return f"negative: raising {name} lowers {of}"
    return f"positive: raising {name} raises {of}"
