"""The legend under a picture: what its outlines mean, of those that occur."""

from __future__ import annotations

from torchmagic.render.graph_boxes import RADIUS
from torchmagic.render.graph_canvas import Canvas
from torchmagic.render.graph_folds import Fold
from torchmagic.render.graph_strokes import draw_outline, scissors
from torchmagic.render.graph_view import ROLE_WORDS, View

_COLUMN = 196.0
_ROW = 20.0
_WORDS = {
    "fold": "folded group",
    "cut": "cut: no gradient here",
    "gradient": "gradient flowing back",
    "order": "order 1: backward's graph",
}


def entries(view: View) -> list[str]:
    """What to explain: roles, where there is more than one kind of outline, and marks that are not boxes."""
    found = {node.role for node in view.nodes if not isinstance(node, Fold) and node.kind == "tensor"}
    roles: list[str] = [role for role in RADIUS if role in found]
    roles += ["fold"] * any(isinstance(node, Fold) for node in view.nodes)
    roles += ["cut"] * any(not isinstance(node, Fold) and node.kind == "cut" for node in view.nodes)
    if len(roles) < 2 and roles != ["cut"]:
        roles = []
    roles += ["gradient"] * any(label.startswith("↑") for label in view.labels)
    return roles + ["order"] * any(node.order for node in view.nodes)


def least_width(found: list[str]) -> float:
    """How wide the picture must be for the legend."""
    return min(len(found), 2) * _COLUMN


def draw(canvas: Canvas, found: list[str], top: float, wide: float) -> float:
    """Put the legend on the canvas; gives where it ends."""
    columns = max(1, min(len(found), int(wide // _COLUMN), 4))
    for i, entry in enumerate(found):
        x, y = (i % columns) * _COLUMN, top + _ROW * (i // columns) + 10
        words = ROLE_WORDS.get(entry) or _WORDS[entry]
        if entry == "gradient":
            canvas.text(x + 11, y + 4, "↑ 4", 0.85)
        elif entry == "order":
            canvas.text(x + 11, y + 4, "1", 0.9)
        else:
            draw_outline(canvas, entry, (x, y - 6, 22, 12), words)
            if entry == "cut":
                scissors(canvas, x + 10, y)
        canvas.text(x + 28, y + 4, words, 0.9, anchor="start")
    return top + _ROW * -(-len(found) // columns)
