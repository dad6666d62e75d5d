"""A graph for a file: as SVG that opens by itself, JSON, or the language of Graphviz or Mermaid."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

from torchmagic.errors import TorchmagicError
from torchmagic.graph_records import GraphNode, GraphRecord
from torchmagic.render.graph_folds import Fold
from torchmagic.render.graph_look import Look
from torchmagic.render.graph_svg import BACKGROUNDS, COLOURS, draw_svg
from torchmagic.render.graph_templates import printable
from torchmagic.render.graph_view import View, drawn_view, edge_gradient, line_text, tensor_lines

FORMATS: Mapping[str, str] = MappingProxyType(
    {
        ".svg": "svg",
        ".json": "json",
        ".dot": "dot",
        ".gv": "dot",
        ".mermaid": "mermaid",
        ".mmd": "mermaid",
    }
)
"""The form that a file's ending asks for."""

_MOST_MERMAID_EDGES = 480
AUTO_STYLE = (
    "<style>:root{{color:{light};background:{white}}}"
    "@media(prefers-color-scheme:dark){{:root{{color:{dark};background:{black}}}}}</style>\n"
).format(light=COLOURS["light"], dark=COLOURS["dark"], white=BACKGROUNDS["light"], black=BACKGROUNDS["dark"])
_DOT_STYLES = {
    "data": 'shape=box, style="dashed,filled", fillcolor="#eceff3", color="#75859a"',
    "leaf": 'shape=box, style="rounded,filled", fillcolor="#e2f3e9", color="#2a9558"',
    "parameter": 'shape=box, style="rounded,filled", peripheries=2, fillcolor="#f8ecdf", color="#c27015"',
    "intermediate": 'shape=box, style="rounded"',
    "result": 'shape=box, style="rounded,filled", penwidth=2.6, fillcolor="#e5eefb", color="#3b7ddd"',
    "operation": "shape=diamond",
    "cut": 'shape=box, style="dashed,filled", fillcolor="#fbe3e4", color="#d1242f"',
    "fold": 'shape=box3d, style=filled, fillcolor="#efe9f9", color="#8a63d2"',
}
_MERMAID_STYLES = {
    "data": "stroke:#75859a,stroke-dasharray:5 3",
    "leaf": "stroke:#2a9558,stroke-width:2px",
    "parameter": "stroke:#c27015,stroke-width:3px",
    "result": "stroke:#3b7ddd,stroke-width:4px",
    "cut": "stroke:#d1242f,stroke-dasharray:3 2",
    "fold": "stroke:#8a63d2,stroke-width:2px",
}


def export(record: GraphRecord, form: str, look: Look = Look()) -> str:  # noqa: B008 (frozen)
    """The text of a file that holds the graph.

    Args:
        record: the graph.
        form: "svg", "json", "dot" or "mermaid".
        look: what is opened, in which colours; JSON holds all of the record.

    Raises:
        TorchmagicError: there is no such form.

    >>> node = GraphNode("n1", "tensor", 'a "b"', "leaf", shape=())
    >>> 'a \\\\"b\\\\"' in export(GraphRecord((node,), ()), "dot")
    True
    """
    makers: dict[str, Callable[[GraphRecord, Look], str]] = {
        "svg": _svg,
        "json": lambda record, look: record.to_json() + "\n",
        "dot": _dot,
        "mermaid": _mermaid,
    }
    if form not in makers:
        raise TorchmagicError(
            f"A graph cannot be saved as {form!r}.", hint=f"Give a file that ends in {', '.join(FORMATS)}."
        )
    return makers[form](record, look)


def _svg(record: GraphRecord, look: Look) -> str:
    style = AUTO_STYLE if look.theme == "auto" else ""
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{draw_svg(record, look, style)}\n'


def _dot(record: GraphRecord, look: Look) -> str:
    view = drawn_view(record, look)
    names = {node.id: f"n{i}" for i, node in enumerate(view.nodes)}
    dark = look.theme == "dark"
    lines = [
        "digraph autograd {",
        "  rankdir=TB;",
        '  node [fontname="monospace", fontsize=11];',
        '  edge [fontname="monospace", fontsize=9];',
    ]
    if dark:
        lines.append('  bgcolor="#111418"; edge [color="#e6edf3", fontcolor="#e6edf3"]; node [color="#e6edf3"];')
    inside: dict[int, list[str]] = {}
    for node in view.nodes:
        role, words = _role(node), _words(node, view)
        colour = ', fontcolor="#e6edf3"' if dark and role in ("intermediate", "operation") else ""
        inside.setdefault(view.within.get(node.id, -1), []).append(
            f"{names[node.id]} [label={_dot_text(words)}, {_DOT_STYLES[role]}{colour}];"
        )
    lines += _dot_frames(view, inside, -1, "  ")
    cuts = {node.id for node in view.nodes if _role(node) == "cut"}
    for edge, label in zip(view.edges, view.labels, strict=True):
        attributes = []
        if label or edge_gradient(edge):
            attributes.append(f"label={_dot_text([label or edge_gradient(edge)])}")
        if edge.source in cuts or edge.target in cuts:
            attributes.append('style=dashed, color="#d1242f"')
        lines.append(
            f"  {names[edge.source]} -> {names[edge.target]}" + (f" [{', '.join(attributes)}];" if attributes else ";")
        )
    return "\n".join([*lines, "}"]) + "\n"


def _dot_frames(view: View, inside: Mapping[int, list[str]], frame: int, indent: str) -> list[str]:
    """The nodes of a frame, and the frames in it."""
    lines = [indent + line for line in inside.get(frame, ())]
    for number, each in enumerate(view.frames):
        if each.parent == frame:
            lines.append(f"{indent}subgraph cluster_{number} {{")
            lines.append(f'{indent}  label={_dot_text([each.label])}; style="dotted"; fontname="monospace";')
            lines += _dot_frames(view, inside, number, indent + "  ")
            lines.append(f"{indent}}}")
    return lines


def _dot_text(lines: list[str]) -> str:
    """Lines as a quoted string of Graphviz."""
    return '"' + "\\n".join(printable(line).replace("\\", "\\\\").replace('"', '\\"') for line in lines) + '"'


def _mermaid(record: GraphRecord, look: Look) -> str:
    view = drawn_view(record, look, _MOST_MERMAID_EDGES)
    names = {node.id: f"n{i}" for i, node in enumerate(view.nodes)}
    lines = ["flowchart TB"]
    inside: dict[int, list[str]] = {}
    roles: dict[str, list[str]] = {}
    for node in view.nodes:
        role = _role(node)
        roles.setdefault(role, []).append(names[node.id])
        left, right = _mermaid_brackets(role)
        inside.setdefault(view.within.get(node.id, -1), []).append(
            f"{names[node.id]}{left}{_mermaid_text(_words(node, view))}{right}"
        )
    lines += _mermaid_frames(view, inside, -1, "  ")
    cuts = {node.id for node in view.nodes if _role(node) == "cut"}
    for edge, label in zip(view.edges, view.labels, strict=True):
        arrow = "-.->" if edge.source in cuts or edge.target in cuts else "-->"
        told = label or edge_gradient(edge)
        lines.append(
            f"  {names[edge.source]} {arrow}{f'|{_mermaid_text([told])}|' if told else ''} {names[edge.target]}"
        )
    for role, members in roles.items():
        if role in _MERMAID_STYLES:
            lines += [f"  classDef {role} {_MERMAID_STYLES[role]}", f"  class {','.join(members)} {role}"]
    if view.note:
        lines.append(f"  %% {printable(view.note)}")
    return "\n".join(lines) + "\n"


def _mermaid_brackets(role: str) -> tuple[str, str]:
    if role == "operation":
        return "{{", "}}"
    if role == "fold":
        return "[[", "]]"
    return ("(", ")") if role in ("leaf", "parameter", "result") else ("[", "]")


def _mermaid_frames(view: View, inside: Mapping[int, list[str]], frame: int, indent: str) -> list[str]:
    lines = [indent + line for line in inside.get(frame, ())]
    for number, each in enumerate(view.frames):
        if each.parent == frame:
            lines.append(f"{indent}subgraph f{number} [{_mermaid_text([each.label])}]")
            lines += _mermaid_frames(view, inside, number, indent + "  ")
            lines.append(f"{indent}end")
    return lines


def _mermaid_text(lines: list[str]) -> str:
    """Lines as a quoted string of Mermaid: all that it could take for markup is a code."""
    kept = " _.,:=+-×→↑∂‖−…/()"
    coded = ("".join(c if c.isalnum() or c in kept else f"#{ord(c)};" for c in printable(line)) for line in lines)
    return '"' + "<br/>".join(coded) + '"'


def _role(node: GraphNode | Fold) -> str:
    if isinstance(node, Fold):
        return "fold"
    return node.role if node.kind == "tensor" else node.kind


def _words(node: GraphNode | Fold, view: View) -> list[str]:
    """The lines in a node, as in the picture."""
    if isinstance(node, Fold):
        parts = [" … ".join(node.paths), node.what, *node.facts, node.grad]
    elif node.kind == "tensor":
        parts = tensor_lines(node, view.tight)
    else:
        hidden = view.fused.get(node.id)
        parts = [node.label, node.detail if node.kind == "operation" else line_text(node)]
        parts += tensor_lines(hidden, view.tight) if hidden is not None else []
    if node.order:
        parts.append(f"order {node.order}")
    return [part for part in parts if part] or ["tensor"]
