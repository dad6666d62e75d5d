"""A GraphRecord as text that fits 80 columns: leaves first, then one line for each computed tensor."""

from __future__ import annotations

import textwrap

from torchmagic.graph_records import GraphNode, GraphRecord
from torchmagic.render.graph_look import PLAIN, Look
from torchmagic.render.graph_templates import printable
from torchmagic.render.graph_view import ROLE_WORDS, cells, gradient_text, shape_text, shorten

_WIDTH = 80
_MOST_LINES = 60
_SIGNS = {"Add": "+", "Sub": "-", "Mul": "*", "Div": "/", "MatMul": "@", "Pow": "**"}


def graph_text(record: GraphRecord, look: Look = PLAIN) -> str:
    """The graph in lines of at most 80 columns, in the order of the computation.

    >>> from torchmagic.graph_records import GraphEdge
    >>> a = GraphNode("n1", "tensor", "a", "leaf", shape=(), dtype="float32", value_text="2")
    >>> op = GraphNode("n2", "operation", "Exp", grad_fn="ExpBackward0")
    >>> y = GraphNode("n3", "tensor", "y", "result", "ExpBackward0", (), "float32", "7.389")
    >>> print(graph_text(GraphRecord((a, op, y), (GraphEdge("n1", "n2"), GraphEdge("n2", "n3")), ("n3",))))
    Autograd graph of y: 2 tensors, 1 operation
    a  leaf (requires_grad)  value 2
    y = Exp(a)  (ExpBackward0)  value 7.389
    """
    nodes = {node.id: node for node in record.nodes}
    names = _names(record)
    inputs: dict[str, list[str]] = {}
    producer: dict[str, str] = {}
    for edge in record.edges:
        inputs.setdefault(edge.target, []).append(edge.source)
        if nodes[edge.source].kind == "operation":
            producer[edge.target] = edge.source
    tensors = [node for node in record.nodes if node.kind == "tensor"]
    given = [node for node in tensors if node.id not in producer]
    computed = [node for node in tensors if node.id in producer]
    lines = [_head(record, len(tensors))]
    given_lines = [_given_line(node, names) for node in given]
    computed_lines = [
        _computed_line(node, nodes[producer[node.id]], [names[i] for i in inputs.get(producer[node.id], ())], names)
        for node in computed
    ]
    lines += _middle_out(given_lines, _MOST_LINES // 2)
    lines += _middle_out(computed_lines, _MOST_LINES)
    for note in record.notes:
        lines.append(_wrapped(f"note: {printable(note)}", "      "))
    return "\n".join(lines)


def _head(record: GraphRecord, tensors: int) -> str:
    operations = len(record.nodes) - tensors
    roots = [shorten(node.label) for node in record.nodes if node.id in record.roots and node.label]
    of = f" of {', '.join(roots[:3])}" if roots else ""
    count = f"{tensors:,} tensor{'s' * (tensors != 1)}, {operations:,} operation{'s' * (operations != 1)}"
    return f"Autograd graph{of}: {count}"


def _names(record: GraphRecord) -> dict[str, str]:
    """What each tensor is called in the text: its name, or a number that only the text uses."""
    names: dict[str, str] = {}
    count = 0
    for node in record.nodes:
        if node.kind == "tensor":
            count += not node.label
            names[node.id] = shorten(node.label) if node.label else f"#{count}"
    return names


def _given_line(node: GraphNode, names: dict[str, str]) -> str:
    return _fit([f"{names[node.id]}  {ROLE_WORDS[node.role]}", *_facts(node)])


def _computed_line(node: GraphNode, operation: GraphNode, given: list[str], names: dict[str, str]) -> str:
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
    return _fit([f"{names[node.id]} = {expression}", f"{extra} {grad_fn}".strip(), *_facts(node)])


def _facts(node: GraphNode) -> list[str]:
    facts: list[str] = []
    if node.shape or node.value_text is None:
        facts.append(" ".join(filter(None, (shape_text(node.shape), node.dtype))))
    if node.value_text is not None:
        facts.append(f"value {node.value_text}")
    facts.append(gradient_text(node))
    return [fact for fact in facts if fact]


def _fit(parts: list[str]) -> str:
    """The parts in one line, or on indented further lines where they do not fit."""
    lines = [printable(parts[0])]
    for part in map(printable, parts[1:]):
        if cells(lines[-1]) + 2 + cells(part) <= _WIDTH:
            lines[-1] += "  " + part
        else:
            lines.append("    " + part)
    return "\n".join(line if cells(line) <= _WIDTH else _wrapped(line) for line in lines)


def _wrapped(line: str, indent: str = "        ") -> str:
    width = _WIDTH if cells(line) == len(line) else _WIDTH // 2
    start = line[: len(line) - len(line.lstrip())]
    lines = textwrap.wrap(line, width, initial_indent=start, subsequent_indent=indent, break_on_hyphens=False)
    return "\n".join(lines)


def _middle_out(lines: list[str], most: int) -> list[str]:
    if len(lines) <= most:
        return lines
    head, tail = most // 3, most - most // 3
    return [*lines[:head], f"… {len(lines) - most:,} more …", *lines[-tail:]]
