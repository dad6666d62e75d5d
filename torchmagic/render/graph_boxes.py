"""The words and the size of each thing drawn, before it has a place."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from torchmagic.graph_records import GraphNode
from torchmagic.render.graph_folds import Fold
from torchmagic.render.graph_view import ROLE_WORDS, View, line_text, shape_text, shorten, tensor_lines
from torchmagic.render.words import bytes_text
from torchmagic.render.wrapping import cells

CELL = 7.4
"""px that one monospace character takes at most at 12 px."""
SMALL = 0.9
"""Size of the further lines, as a share of the first."""
LINE = 16.0
_TIGHT_LINE = 14.0
_LONGEST = 34
RADIUS = {"data": 0.0, "leaf": 12.0, "parameter": 12.0, "intermediate": 4.0, "result": 4.0, "fold": 6.0, "cut": 0.0}

Form = Literal["tensor", "diamond", "hexagon", "fold", "cut"]


@dataclass(frozen=True, slots=True)
class Box:
    """A thing to draw.

    Attributes:
        id: of its node or fold.
        form: its outline.
        role: of a tensor, else "fold", "cut" or "intermediate".
        lines: its words; the first is larger.
        bold: whether the first is bold.
        title: what hovering says.
        width, height: in px.
        stacked: whether it stands for repeats.
    """

    id: str
    form: Form
    role: str
    lines: tuple[str, ...]
    bold: bool
    title: str
    width: float
    height: float
    stacked: bool = False

    @property
    def step(self) -> float:
        """From one line of words to the next."""
        return _TIGHT_LINE if self.form == "diamond" else LINE

    def reach(self, beside: float) -> float:
        """How far below (or above) its centre the outline is, ``beside`` its centre line."""
        half, tall = self.width / 2, self.height / 2
        inside = max(0.0, half - abs(beside))
        if self.form in ("diamond", "hexagon"):
            inset = 12.0 if self.form == "hexagon" else half
            return tall * min(1.0, inside / inset)
        radius = min(RADIUS[self.role], tall)
        if inside >= radius:
            return tall
        return tall - radius + math.sqrt(max(0.0, radius**2 - (radius - inside) ** 2))


def make_boxes(view: View, paths: Mapping[str, str], brief: bool = False) -> dict[str, Box]:
    """A box for each thing in the view, by id.

    Args:
        view: what is drawn.
        paths: of modules, by their id.
        brief: whether hovering need not say again what the box says.
    """
    around = [frame.path for frame in view.frames]
    boxes: dict[str, Box] = {}
    for node in view.nodes:
        frame = around[view.within[node.id]] if node.id in view.within else ""
        if isinstance(node, Fold):
            boxes[node.id] = _fold_box(node, frame)
        elif node.kind == "tensor":
            lines = tensor_lines(node, view.tight)
            bold = bool(node.label) or node.role == "result"
            boxes[node.id] = _plain_box(node.id, "tensor", node.role, lines, bold, node_title(node, paths, frame))
        elif node.kind == "cut":
            lines = [shorten(node.label or "cut", 24), *([where] if (where := line_text(node)) else [])]
            boxes[node.id] = _plain_box(node.id, "cut", "cut", lines, True, node_title(node, paths, frame), 40.0)
        else:
            boxes[node.id] = _operation_box(node, view, node_title(node, paths, frame), brief)
    return boxes


def _wide(lines: Sequence[str]) -> float:
    return max(cells(line) * CELL * (SMALL if i else 1) for i, line in enumerate(lines))


def _plain_box(
    ident: str, form: Form, role: str, lines: Sequence[str], bold: bool, title: str, room: float = 18.0
) -> Box:
    width = max(44.0, _wide(lines)) + room
    return Box(ident, form, role, tuple(lines), bold, title, width, len(lines) * LINE + 12)


def _operation_box(node: GraphNode, view: View, title: str, brief: bool) -> Box:
    lines = [shorten(node.label or "operation", 24)]
    if node.detail:
        lines.append(shorten(node.detail, 24))
    if node.order:
        lines.append(f"order {node.order}")
    hidden = view.fused.get(node.id)
    bold = node.role == "result"
    if hidden is not None:
        lines.extend(tensor_lines(hidden, view.tight))
        facts = _tensor_facts(hidden)
        if brief:
            facts = [hidden.dtype or "", bytes_text(hidden.nbytes) if hidden.nbytes is not None else ""]
        title += f", gives {', '.join(filter(None, facts))}"
        width, height = _wide(lines) + 34, len(lines) * LINE + 12
        return Box(node.id, "hexagon", "intermediate", tuple(lines), bold, title, width, height)
    height = 30.0 + _TIGHT_LINE * len(lines)
    # A diamond is narrower above and below its middle: widen it until the text's corners lie inside.
    room = 1 - (len(lines) * _TIGHT_LINE + 2) / height
    width = max(64.0, (_wide(lines) + 8) / room)
    return Box(node.id, "diamond", "intermediate", tuple(lines), bold, title, width, height)


def _fold_box(fold: Fold, frame: str) -> Box:
    name = fold_name(fold, frame)
    lines = [*([name] if name else []), shorten(fold.what, 40), *(shorten(fact, 40) for fact in fold.facts)]
    if fold.grad:
        lines.append(shorten(fold.grad, 40))
    if fold.order:
        lines.append(f"order {fold.order}")
    box = _plain_box(fold.id, "fold", "fold", lines, True, fold.title, 22.0)
    return replace(box, width=box.width + 6, height=box.height + 6, stacked=True) if " × " in fold.what else box


def fold_name(fold: Fold, frame: str = "", most: int = _LONGEST) -> str:
    """What a fold is called, within a frame whose path need not be said again.

    >>> fold_name(Fold("g", ("model.layers.0", "model.layers.11"), "Linear × 12"), "model")
    'layers.0 … layers.11'
    """
    paths = [path.removeprefix(f"{frame}.") if frame else path for path in fold.paths]
    name = " … ".join(paths)
    if len(name) > most and len(paths) == 2:
        same = 0
        for one, two in zip(paths[0].split(".")[:-1], paths[1].split(".")[:-1], strict=False):
            if one != two:
                break
            same += 1
        same -= same > 0 and paths[1].split(".")[same][:1].isdigit()
        name = f"{paths[0]} … {'.'.join(paths[1].split('.')[same:])}"
    return shorten(name, most)


def node_title(node: GraphNode, paths: Mapping[str, str], frame: str = "") -> str:
    """What hovering over a node, or a screen reader, says; not its module where ``frame`` is that one's path.

    >>> node_title(GraphNode("n1", "operation", "Mul", grad_fn="MulBackward0", line=3), {})
    'Mul (MulBackward0), line 3'
    """
    module = paths.get(node.module, "")
    where = [
        f"in {module}" if module and module != frame else "",
        line_text(node),
        f"order {node.order}" if node.order else "",
    ]
    if node.kind == "operation":
        name = f"{node.label} ({node.grad_fn})" if node.grad_fn else node.label
        return ", ".join(filter(None, [name, node.detail, *where]))
    if node.kind == "cut":
        said = ", ".join(filter(None, [f"cut: {node.label}", *where]))
        return f"{said}. {node.detail}" if node.detail else f"{said}. No gradient flows back through here."
    facts = [ROLE_WORDS[node.role], *_tensor_facts(node)]
    if node.grad_fn:
        facts.append(f"computed by {node.grad_fn}")
    return f"{node.label or 'unnamed tensor'}: " + ", ".join(filter(None, [*facts, *where]))


def _tensor_facts(node: GraphNode) -> list[str]:
    facts = [
        " ".join(filter(None, [f"shape {shape_text(node.shape)}" if node.shape is not None else "", node.dtype])),
        f"value {node.value_text}" if node.value_text is not None else "",
        f"gradient {node.grad_text}" if node.grad_text else "",
        bytes_text(node.nbytes) if node.nbytes is not None else "",
    ]
    return [fact for fact in facts if fact]
