"""A GraphRecord as text that fits a width: what is given first, then one line for each computed tensor or box."""

from __future__ import annotations

from collections.abc import Sequence

from torchmagic.graph_records import GraphNode, GraphRecord
from torchmagic.render.graph_boxes import fold_name
from torchmagic.render.graph_folds import Fold
from torchmagic.render.graph_look import Look
from torchmagic.render.graph_tables import Table, make_tables
from torchmagic.render.graph_templates import printable
from torchmagic.render.graph_view import (
    ROLE_WORDS,
    View,
    gradient_text,
    line_text,
    shape_text,
    shorten,
    text_view,
)
from torchmagic.render.wrapping import LEAST, WIDTH, cells, wrapped

_MOST_LINES = 60
_MOST_ROWS = 30
_SIGNS = {"Add": "+", "Sub": "-", "Mul": "*", "Div": "/", "MatMul": "@", "Pow": "**"}


def graph_text(record: GraphRecord, look: Look = Look(), width: int = WIDTH) -> str:  # noqa: B008 (frozen)
    """The graph in lines of at most ``width`` columns, in the order of the computation, and its tables.

    >>> from torchmagic.graph_records import GraphEdge
    >>> a = GraphNode("n1", "tensor", "a", "leaf", shape=(), dtype="float32", value_text="2")
    >>> op = GraphNode("n2", "operation", "Exp", grad_fn="ExpBackward0")
    >>> y = GraphNode("n3", "tensor", "y", "result", "ExpBackward0", (), "float32", "7.389")
    >>> print(graph_text(GraphRecord((a, op, y), (GraphEdge("n1", "n2"), GraphEdge("n2", "n3")), ("n3",))))
    Autograd graph of y: 2 tensors, 1 operation
    a  leaf (requires_grad)  value 2
    y = Exp(a)  (ExpBackward0)  value 7.389
    """
    width = max(width, LEAST)
    lines = graph_lines(record, look, width) if record.nodes or not make_tables(record) else []
    for note in record.notes:
        lines.append(_wrapped(f"note: {printable(note)}", width, "      "))
    tables = make_tables(record)
    if not (record.leaves or record.saved or record.forward or record.checks):
        tables = []  # the lines say it already
    for table in tables:
        lines += _table_lines(table, width)
    return "\n".join(lines)


def graph_lines(record: GraphRecord, look: Look, width: int = WIDTH) -> list[str]:
    """What the picture of a graph shows, as lines; without its notes and tables.

    >>> graph_lines(GraphRecord((), ()), Look())
    ['Autograd graph: 0 tensors, 0 operations']
    """
    view = text_view(record, look)
    lines = [_head(record, width)]
    given, computed = _Graph(view, width).lines()
    most = _MOST_LINES if look.depth is None else 10 * _MOST_LINES
    lines += _middle_out(given, most // 2)
    lines += _middle_out(computed, most)
    if view.note:
        lines.append(_wrapped(view.note, width))
    return lines


class _Graph:
    """The lines of a view: for each thing what it is given, by name."""

    def __init__(self, view: View, width: int) -> None:
        self.width = width
        self.view = view
        self.nodes = {node.id: node for node in view.nodes}
        self.inputs: dict[str, list[str]] = {}
        for edge in view.edges:
            self.inputs.setdefault(edge.target, []).append(edge.source)
        self.shown: set[int] = set()
        self.names: dict[str, str] = {}
        self._name_all()

    def _name_all(self) -> None:
        """What each thing is called in the text: its name, or a number that only the text uses."""
        count = 0
        for node in self.view.nodes:
            name = self._path(node) if isinstance(node, Fold) else node.label if node.kind != "operation" else ""
            computed = not isinstance(node, Fold) and node.kind == "operation"
            if not name and not (computed and node.id not in self.view.fused):
                count += 1
            self.names[node.id] = shorten(name, self._most) if name else f"#{count}"
        for node in self.view.nodes:  # an operation without a result of its own is called as what it computes
            if not isinstance(node, Fold) and node.kind == "tensor":
                for source in self.inputs.get(node.id, ()):
                    giver = self.nodes[source]
                    if not isinstance(giver, Fold) and giver.kind == "operation" and source not in self.view.fused:
                        self.names[source] = self.names[node.id]

    @property
    def _most(self) -> int:
        """The longest name, so that a line has room for what it is of."""
        return min(40, self.width // 2)

    def _path(self, node: Fold) -> str:
        frame = self.view.within.get(node.id)
        return fold_name(node, self.view.frames[frame].path if frame is not None else "", self._most)

    def lines(self) -> tuple[list[str], list[str]]:
        """Lines of what is given, and lines of what is computed."""
        given: list[str] = []
        computed: list[str] = []
        for node in self.view.nodes:
            sources = [self.names[source] for source in self.inputs.get(node.id, ())]
            if isinstance(node, Fold):
                computed += self._frame_lines(node.id)
                computed.append(_fold_line(node, self.names[node.id], sources, self.width))
            elif node.kind == "cut":
                computed.append(_cut_line(node, sources, self.width))
            elif node.kind == "operation":
                hidden = self.view.fused.get(node.id)
                if hidden is not None:
                    computed += self._frame_lines(node.id)
                    computed.append(_computed_line(hidden, node, sources, self.names[node.id], self.width))
            elif not sources:
                given.append(_given_line(node, self.names[node.id], self.width))
            else:
                computed += self._frame_lines(node.id)
                computed.append(self._result_line(node))
        return given, computed

    def _result_line(self, node: GraphNode) -> str:
        source = self.inputs[node.id][-1]
        giver = self.nodes[source]
        if isinstance(giver, Fold) or giver.kind != "operation" or source in self.view.fused:
            names = [self.names[each] for each in self.inputs[node.id]]
            return _fit([f"{self.names[node.id]} = {', '.join(names)}", *_facts(node)], self.width)
        sources = [self.names[each] for each in self.inputs.get(source, ())]
        return _computed_line(node, giver, sources, self.names[node.id], self.width)

    def _frame_lines(self, ident: str) -> list[str]:
        """A line for the module that begins here, where it has not begun before."""
        frame = self.view.within.get(ident, -1)
        begun: list[str] = []
        while frame >= 0 and frame not in self.shown:
            self.shown.add(frame)
            begun.append(_fit([f"── {shorten(self.view.frames[frame].title, self.width - 10)}"], self.width))
            frame = self.view.frames[frame].parent
        return begun[::-1]


def _head(record: GraphRecord, width: int) -> str:
    operations = sum(node.kind == "operation" for node in record.nodes)
    tensors = sum(node.kind == "tensor" for node in record.nodes)
    cuts = len(record.nodes) - operations - tensors
    roots = set(record.roots)
    named = [shorten(node.label) for node in record.nodes if node.id in roots and node.label]
    of = f" of {', '.join(named[:3])}" if named else ""
    count = f"{tensors:,} tensor{'s' * (tensors != 1)}, {operations:,} operation{'s' * (operations != 1)}"
    count += f", {cuts:,} cut{'s' * (cuts != 1)}" if cuts else ""
    return _wrapped(f"Autograd graph{of}: {count}", width)


def _given_line(node: GraphNode, name: str, width: int) -> str:
    return _fit([f"{name}  {ROLE_WORDS[node.role]}", *_facts(node)], width)


def _fold_line(fold: Fold, name: str, given: Sequence[str], width: int) -> str:
    head = f"{name} = {shorten(fold.what, min(40, width // 2))}"
    facts = [f"of {', '.join(given[:4])}{', …' if len(given) > 4 else ''}"] if given else []
    facts += [*fold.facts, fold.grad, f"order {fold.order}" if fold.order else ""]
    return _fit([head, *filter(None, facts)], width)


def _cut_line(node: GraphNode, given: Sequence[str], width: int) -> str:
    of = f" of {', '.join(given)}" if given else ""
    where = line_text(node)
    head = f"-x- cut: {shorten(node.label, 40)}{of}" + (f", {where}" if where else "")
    return _fit([head, printable(node.detail)], width)


def _computed_line(node: GraphNode, operation: GraphNode, given: Sequence[str], name: str, width: int) -> str:
    sign, detail = _SIGNS.get(operation.label), operation.detail
    if sign and len(given) == 2:
        expression = f"{given[0]} {sign} {given[1]}"
    elif sign and len(given) == 1 and detail:
        expression = f"{given[0]} {detail}" if detail[0] in "+-*/" else f"{detail} {given[0]}"
    else:
        sign = None
        expression = f"{operation.label}({', '.join(given)})"
    extra = operation.label if sign else detail
    grad_fn = f"({operation.grad_fn})" if operation.grad_fn else ""
    order = f"order {operation.order}" if operation.order else ""
    return _fit([f"{name} = {expression}", f"{extra} {grad_fn}".strip(), *_facts(node), order], width)


def _facts(node: GraphNode) -> list[str]:
    facts: list[str] = []
    if node.shape or node.value_text is None:
        facts.append(" ".join(filter(None, (shape_text(node.shape), node.dtype))))
    if node.value_text is not None:
        facts.append(f"value {node.value_text}")
    facts.append(gradient_text(node))
    return [fact for fact in facts if fact]


def _table_lines(table: Table, width: int) -> list[str]:
    lines = ["", table.caption]
    for row in table.rows[:_MOST_ROWS]:
        parts = [
            cell.text if head in ("status", "verdict", "sign", "held", "outputs") else f"{head} {cell.text}"
            for head, cell in zip(table.heads[1:], row.cells, strict=True)
            if cell.text
        ]
        lines.append(_fit([f"  {row.name}", *parts], width))
        if row.more:
            lines.append(_wrapped(f"↳ {printable(row.more)}", width, first="      "))
    if len(table.rows) > _MOST_ROWS:
        lines.append(f"  … {len(table.rows) - _MOST_ROWS:,} more …")
    return [*lines, _wrapped(table.foot, width, "  ", "  ")] if table.foot else lines


def _fit(parts: Sequence[str], width: int) -> str:
    """The parts in one line, or on indented further lines where they do not fit."""
    lines = [printable(parts[0])]
    for part in filter(None, map(printable, parts[1:])):
        if cells(lines[-1]) + 2 + cells(part) <= width:
            lines[-1] += "  " + part
        else:
            lines.append("    " + part)
    return "\n".join(line if cells(line) <= width else _wrapped(line, width) for line in lines)


def _wrapped(line: str, width: int, later: str = "        ", first: str = "") -> str:
    start = first + line[: len(line) - len(line.lstrip())]
    return "\n".join(wrapped(line.strip(), width, start, later))


def _middle_out(lines: list[str], most: int) -> list[str]:
    if len(lines) <= most:
        return lines
    head, tail = most // 3, most - most // 3
    return [*lines[:head], f"… {len(lines) - most:,} more …", *lines[-tail:]]
