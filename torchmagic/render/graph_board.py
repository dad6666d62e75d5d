"""A graph to be explored: which modules are open now, its picture, and the spots on it that answer to a click."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from torchmagic.graph_records import GraphNode, GraphRecord, LeafGradient
from torchmagic.render.graph_boxes import Box, make_boxes, node_title
from torchmagic.render.graph_collapse import collapse_opened, opened_groups
from torchmagic.render.graph_folds import Fold
from torchmagic.render.graph_groups import build_tree
from torchmagic.render.graph_look import Look
from torchmagic.render.graph_plain import fuse, plain_graph
from torchmagic.render.graph_svg import draw_fitted, origin, placed
from torchmagic.render.graph_tables import STATUS_WORDS, sign_words
from torchmagic.render.graph_templates import printable
from torchmagic.render.graph_view import View, line_text, shape_text, view_of
from torchmagic.render.words import bytes_text, number

_LIMIT = 50
_FUSE_ABOVE = 40
_MOST_DRAWN = 1500
_HEADER = 18.0

Facts = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Spot:
    """A place on the picture that can be focused and chosen.

    Attributes:
        id: unique on the picture; of a group the same whether it is open or closed.
        kind: "node" shows its facts, "closed" opens a group, "open" closes one.
        x, y, width, height: in the units of the picture.
        label: what a screen reader says.
        facts: what is known of a node, as (what, value).
    """

    id: str
    kind: str
    x: float
    y: float
    width: float
    height: float
    label: str
    facts: Facts = ()


@dataclass(frozen=True, slots=True)
class Drawn:
    """A picture as SVG, its spots in the order of reading, and whether something could still be opened or closed."""

    svg: str
    spots: tuple[Spot, ...]
    can_open: bool
    can_close: bool


class Board:
    """A graph and its groups by number.

    >>> from torchmagic.graph_records import GraphNode
    >>> board = Board(GraphRecord((GraphNode("n1", "tensor", "W", "leaf", shape=()),), ()))
    >>> [(spot.id, spot.kind) for spot in board.draw(board.start).spots]
    [('n1', 'node')]
    """

    def __init__(self, record: GraphRecord, look: Look = Look()) -> None:  # noqa: B008 (frozen)
        self._record = record
        self._look = look
        plain = plain_graph(record)
        self._plain = plain if len(plain.nodes) <= _FUSE_ABOVE else fuse(plain, record.roots)
        self._leaves = {leaf.node: leaf for leaf in record.leaves if leaf.node}
        self._paths = {module.id: module.path for module in record.modules}
        self._tree = build_tree(self._plain, record.modules, record.roots)
        self.start = frozenset(opened_groups(self._tree, look, _LIMIT))

    @property
    def everything(self) -> frozenset[int]:
        """All groups."""
        tree = self._tree
        return frozenset(range(tree.first, tree.first + len(tree.groups)))

    @property
    def nothing(self) -> frozenset[int]:
        """Only the graph itself."""
        return frozenset({self._tree.first})

    def toggled(self, opened: frozenset[int], ident: str) -> frozenset[int]:
        """What is open after a group was opened or closed, by the id of its spot; the same for what is no group.

        What lies in a group that is closed is closed with it.
        """
        text = ident.removeprefix("group ").rstrip("'")
        number_ = self._tree.first + int(text) if text.isdecimal() else -1
        if number_ <= self._tree.first or number_ >= self._tree.first + len(self._tree.groups):
            return opened
        if number_ not in opened:
            return opened | {number_}
        return frozenset(each for each in opened if not self._is_in(each, number_))

    def draw(self, opened: frozenset[int]) -> Drawn:
        """The picture with these groups open."""
        groups = set(opened) | {self._tree.first}
        view = view_of(collapse_opened(self._record, self._plain, self._tree, groups), tight=bool(self._plain.fused))
        if len(view.nodes) > _MOST_DRAWN and groups != set(self.start):
            return self.draw(self.start)
        boxes = make_boxes(view, self._paths)
        layout = placed(view, boxes)
        left, top, _ = origin(view, layout)
        spots = [
            self._spot(node, boxes[node.id], (x + left, y + top))
            for node in view.nodes
            for x, y in [layout.centres[node.id]]
        ]
        frames = list(self._frames(view, layout.frames, left, top))
        order = sorted([*spots, *frames], key=lambda spot: (round(spot.y), round(spot.x)))
        svg = draw_fitted(self._record, view, boxes, layout, self._look)
        return Drawn(svg, tuple(order), any(s.kind == "closed" for s in spots), len(groups) > 1)

    def _is_in(self, number_: int, group: int) -> bool:
        while number_ >= 0:
            if number_ == group:
                return True
            number_ = self._tree.parent(number_)
        return False

    def _spot(self, node: GraphNode | Fold, box: Box, centre: tuple[float, float]) -> Spot:
        x, y = centre[0] - box.width / 2, centre[1] - box.height / 2
        if isinstance(node, Fold):
            return Spot(node.id, "closed", x, y, box.width, box.height, printable(box.title or node.what))
        facts = node_facts(node, self._paths, self._leaves.get(node.id))
        label = printable(box.title or node_title(node, self._paths))
        return Spot(node.id, "node", x, y, box.width, box.height, label, facts)

    def _frames(
        self, view: View, rectangles: tuple[tuple[float, float, float, float], ...], left: float, top: float
    ) -> list[Spot]:
        """The heads of open modules."""
        found = []
        for frame, (x, y, width, height) in zip(view.frames, rectangles, strict=True):
            ident = f"group {frame.group - self._tree.first}"
            place = (x - width / 2 + left, y - height / 2 + top, width, min(_HEADER, height))
            found.append(Spot(ident, "open", *place, printable(frame.title)))
        return found


def node_facts(node: GraphNode, paths: Mapping[str, str], leaf: LeafGradient | None = None) -> Facts:
    """All that is known of a node, as (what, value).

    >>> node_facts(GraphNode("n1", "tensor", "W", "leaf", shape=(2,), dtype="float32", grad_text="[1, 2]"), {})
    (('tensor', 'W'), ('role', 'leaf'), ('shape', '(2,)'), ('dtype', 'float32'), ('gradient', '[1, 2]'))
    """
    of = f" of {node.grad_of}" if node.grad_of else ""
    gradient = node.grad_text or ""
    norm = number(node.grad_norm) if node.grad_norm is not None and "norm" not in gradient else ""
    found = [
        (node.kind, node.label or "unnamed"),
        ("role", node.role if node.kind == "tensor" else ""),
        ("autograd node", node.grad_fn or ""),
        ("arguments" if node.kind == "operation" else "why", node.detail),
        ("shape", shape_text(node.shape)),
        ("dtype", node.dtype or ""),
        ("memory", bytes_text(node.nbytes) if node.nbytes is not None else ""),
        ("value", node.value_text or ""),
        (f"gradient{of}", gradient),
        ("its norm", norm),
        ("module", paths.get(node.module, "")),
        ("where", line_text(node)),
        ("order", str(node.order) if node.order else ""),
    ]
    if leaf is not None:
        found += [
            ("status", STATUS_WORDS.get(leaf.status, leaf.status)),
            ("because", leaf.why),
            ("sign", sign_words(leaf)),
            ("after a step", leaf.new_text or ""),
        ]
    return tuple((what, printable(value)) for what, value in found if value)
