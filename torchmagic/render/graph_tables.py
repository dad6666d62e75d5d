"""The tables under a graph as plain data: leaves, what is kept for backward, forward calls, checks.

HTML and text are both made from these, so that they say the same.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from torchmagic.graph_records import GraphNode, GraphRecord, LeafGradient
from torchmagic.render.graph_view import shape_text, shorten
from torchmagic.render.words import bytes_text, number

Tone = Literal["", "good", "warn", "bad"]

_STATUS: dict[str, tuple[str, Tone]] = {
    "nan": ("✗ NaN", "bad"),
    "inf": ("✗ infinite", "bad"),
    "none": ("○ None", "warn"),
    "zero": ("○ zero", "warn"),
    "exploding": ("▲ exploding", "warn"),
    "vanishing": ("▼ vanishing", "warn"),
    "accumulated": ("+ accumulated", "warn"),
    "no pass": ("– no backward pass", ""),
    "fine": ("✓ fine", "good"),
}
STATUS_WORDS = {status: words for status, (words, _) in _STATUS.items()}
_ORDER = {status: place for place, status in enumerate(_STATUS)}
_LONGEST_NAME = 48
_WEAKEST, _STRONGEST = -6.0, 1.0


@dataclass(frozen=True, slots=True)
class Cell:
    """A cell of a table: text, its tone, and the share of a bar in it (None without one)."""

    text: str
    tone: Tone = ""
    bar: float | None = None


@dataclass(frozen=True, slots=True)
class Row:
    """A row: its name, one cell for each further head, and a sentence under it."""

    name: str
    cells: tuple[Cell, ...]
    more: str = ""


@dataclass(frozen=True, slots=True)
class Table:
    """A table: heads include that of the names; ``foot`` is a line under it."""

    caption: str
    heads: tuple[str, ...]
    rows: tuple[Row, ...]
    foot: str = ""


def make_tables(record: GraphRecord) -> list[Table]:
    """The tables that the record has something for.

    >>> leaf = LeafGradient("W", value_text="3", value=3.0, grad_text="-16", grad=-16.0, grad_of="loss")
    >>> [cell.text for cell in make_tables(GraphRecord((), (), leaves=(leaf,)))[0].rows[0].cells]
    ['3', '-16', 'negative: raising W lowers loss', '✓ fine']
    """
    tables = [_leaves(record), _saved(record), _forward(record), _checks(record)]
    return [table for table in tables if table is not None]


def _leaves(record: GraphRecord) -> Table | None:
    told = bool(record.leaves)
    leaves = record.leaves or tuple(_from_node(node) for node in record.nodes if node.role in ("leaf", "parameter"))
    if not leaves or not (told or any(leaf.grad_text for leaf in leaves)):
        return None
    leaves = tuple(sorted(leaves, key=lambda leaf: _ORDER.get(leaf.status, 0) if told else 0))
    columns = [
        ("value", [Cell(_value(leaf)) for leaf in leaves], True),
        ("gradient", [Cell(leaf.grad_text or "none") for leaf in leaves], True),
        ("sign", [Cell(sign_words(leaf)) for leaf in leaves], False),
        ("strength", [_strength(leaf) if told else Cell("") for leaf in leaves], False),
        ("status", [_status(leaf) if told else Cell("") for leaf in leaves], told),
        ("step", [Cell(step_text(leaf, record.lr)) for leaf in leaves], False),
    ]
    shown = [(head, cells) for head, cells, always in columns if always or any(cell.text for cell in cells)]
    rows = tuple(
        Row(shorten(leaf.name, _LONGEST_NAME) or "(unnamed)", tuple(cells[i] for _, cells in shown), _why(leaf))
        for i, leaf in enumerate(leaves)
    )
    troubled = sum(leaf.status not in ("fine", "no pass") for leaf in leaves)
    foot = f"{troubled:,} of {len(leaves):,} need a look." if told and troubled and len(leaves) > 8 else ""
    if any(head == "strength" for head, _ in shown):
        foot = f"{foot} Strength: norm of the gradient over norm of the leaf.".strip()
    return Table("Leaves: what a gradient step would move", ("leaf", *(head for head, _ in shown)), rows, foot)


def _status(leaf: LeafGradient) -> Cell:
    return Cell(*_STATUS.get(leaf.status, (leaf.status, "")))


def _from_node(node: GraphNode) -> LeafGradient:
    return LeafGradient(
        node.label, node.id, node.shape, node.dtype, node.role == "parameter", node.value_text, node.value, None,
        node.grad_text, node.grad, node.grad_norm, node.grad_of,
    )  # fmt: skip


def _value(leaf: LeafGradient) -> str:
    return leaf.value_text or " ".join(filter(None, (shape_text(leaf.shape), leaf.dtype)))


def _why(leaf: LeafGradient) -> str:
    line = f"line {leaf.line}" if leaf.line is not None else ""
    if not leaf.why:
        return line
    return leaf.why if not line or line in leaf.why else f"{leaf.why} ({line})"


def _strength(leaf: LeafGradient) -> Cell:
    norm = leaf.norm if leaf.norm is not None else None if leaf.value is None else abs(leaf.value)
    if norm is None or leaf.grad_norm is None or not norm > 0 or not math.isfinite(leaf.grad_norm / norm):
        return Cell("")
    ratio = leaf.grad_norm / norm
    place = (math.log10(ratio) - _WEAKEST) / (_STRONGEST - _WEAKEST) if ratio else 0.0
    return Cell(f"{ratio:.2g}", bar=min(1.0, max(0.0, place)))


def sign_words(leaf: LeafGradient | GraphNode) -> str:
    """The sign of a scalar leaf's gradient in words, or "" where words would say nothing true.

    >>> sign_words(LeafGradient("b", grad=0.0, grad_of="loss"))
    'zero: a small change of b leaves loss as it is'
    """
    if leaf.grad is None or not leaf.grad_of:
        return ""
    name = shorten(leaf.name if isinstance(leaf, LeafGradient) else leaf.label) or "it"
    of = shorten(leaf.grad_of)
    if math.isnan(leaf.grad):
        return "not a number: something in the graph is undefined here"
    if leaf.grad == 0:
        return f"zero: a small change of {name} leaves {of} as it is"
    if leaf.grad < 0:
        return f"negative: raising {name} lowers {of}"
    return f"positive: raising {name} raises {of}"


def step_text(leaf: LeafGradient, lr: float | None) -> str:
    """What a step of gradient descent makes of the leaf, or "" where that is not known.

    >>> step_text(LeafGradient("W", value=3.0, grad=-16.0, new=4.6), 0.1)
    '3 − 0.1 × (−16) = 4.6'
    """
    if lr is None:
        return ""
    if leaf.value is not None and leaf.grad is not None and leaf.new is not None:
        grad = _signed(leaf.grad)
        grad = f"({grad})" if grad.startswith("−") else grad
        return f"{_signed(leaf.value)} − {_signed(lr)} × {grad} = {_signed(leaf.new)}"
    if leaf.new_text:
        return f"→ {leaf.new_text}"
    return "" if leaf.step_norm is None else f"moves by norm {number(leaf.step_norm)}"


def _signed(value: float) -> str:
    return f"{value:.4g}".replace("-", "−")


def _saved(record: GraphRecord) -> Table | None:
    if not record.saved:
        return None
    nodes = {node.id: node for node in record.nodes}
    paths = {module.id: module.path for module in record.modules}
    rows: list[Row] = []
    for each in sorted(record.saved, key=lambda saved: -saved.nbytes):
        node = nodes.get(each.operation)
        name = node.label if node is not None else each.operation
        module = shorten(paths.get(node.module, "") if node is not None else "", 28)
        what = f"{shorten(each.name, 24)} ({each.what})" if each.name else each.what
        kind = " ".join(filter(None, (shape_text(each.shape), each.dtype)))
        held = f"held by {each.held}" if each.held else "only for backward"
        cells = (what, kind, bytes_text(each.nbytes), shorten(held, 40))
        rows.append(Row(shorten(name, 24) + (f"  {module}" if module else ""), tuple(map(Cell, cells))))
    total = sum(each.nbytes for each in record.saved)
    only = sum(each.nbytes for each in record.saved if not each.held)
    foot = f"Total {bytes_text(total)}, of which {bytes_text(only)} are held by nothing else."
    heads = ("operation", "tensor", "shape", "memory", "held")
    return Table("Kept for the backward pass", heads, tuple(rows), foot)


def _forward(record: GraphRecord) -> Table | None:
    if not record.forward:
        return None
    rows: list[Row] = []
    for call in record.forward:
        name = shorten(call.label, 28) + (f" × {call.count:,}" if call.count > 1 else "")
        given = ", ".join(f"{shorten(name, 16)} {shape_text(shape)}".strip() for name, shape in call.inputs[:4])
        given += ", …" if len(call.inputs) > 4 else ""
        gave = ", ".join(" ".join(filter(None, (shape_text(shape), dtype))) for shape, dtype in call.outputs[:3])
        gave += ", …" if len(call.outputs) > 3 else ""
        line = "" if call.line is None else str(call.line)
        cells = (given, gave, seconds_text(call.seconds), bytes_text(call.nbytes), line, shorten(call.module, 28))
        rows.append(Row(name, tuple(map(Cell, cells))))
    heads = ("operation", "inputs", "outputs", "time", "memory", "line", "module")
    used = [i for i in range(6) if any(row.cells[i].text for row in rows)]
    rows = [Row(row.name, tuple(row.cells[i] for i in used)) for row in rows]
    total = seconds_text(sum(call.seconds for call in record.forward))
    memory = bytes_text(sum(call.nbytes for call in record.forward))
    count = sum(call.count for call in record.forward)
    foot = f"{count:,} operations, {total}, {memory} of new memory."
    return Table("Operations as they ran", (heads[0], *(heads[i + 1] for i in used)), tuple(rows), foot)


def seconds_text(seconds: float) -> str:
    """A time in the unit that keeps it short.

    >>> seconds_text(0.0000042), seconds_text(0.25), seconds_text(12.0)
    ('4.2 µs', '250 ms', '12 s')
    """
    for size, unit in ((1.0, "s"), (1e-3, "ms"), (1e-6, "µs")):
        if seconds >= size:
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds * 1e9:.0f} ns" if seconds > 0 else "0 s"


def _checks(record: GraphRecord) -> Table | None:
    if not record.checks:
        return None
    words: dict[bool | None, tuple[str, Tone]] = {
        True: ("✓ agrees", "good"),
        False: ("✗ differs", "bad"),
        None: ("– not checked", ""),
    }
    order: Sequence[bool | None] = (False, None, True)
    rows = tuple(
        Row(
            shorten(check.name, _LONGEST_NAME) or "(unnamed)",
            (Cell(*words[check.agrees]), Cell("" if check.worst is None else f"{check.worst:.2g}")),
            check.text,
        )
        for check in sorted(record.checks, key=lambda check: order.index(check.agrees))
    )
    return Table("Gradients beside finite differences", ("leaf", "verdict", "worst difference"), rows)
