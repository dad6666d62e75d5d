"""A GraphRecord in the forms that other programs read."""

from __future__ import annotations

from torchmagic.errors import TorchmagicError
from torchmagic.graph_records import GraphRecord
from torchmagic.render.graph_look import PLAIN, Look

FORMATS = {".svg": "svg", ".json": "json", ".dot": "dot", ".mermaid": "mermaid", ".mmd": "mermaid"}
"""The form that each suffix of a file asks for."""


def export(record: GraphRecord, form: str, look: Look = PLAIN) -> str:
    """The record as text in one of the forms of :data:`FORMATS`.

    Raises:
        TorchmagicError: there is no such form.

    >>> export(GraphRecord((), ()), "json") == GraphRecord((), ()).to_json()
    True
    """
    if form == "json":
        return record.to_json()
    if form == "svg":
        from torchmagic.render.graph_svg import graph_svg

        return graph_svg(record, look)
    if form == "dot":
        return "digraph {\n" + "".join(f"  {e.source} -> {e.target};\n" for e in record.edges) + "}\n"
    if form == "mermaid":
        return "flowchart TD\n" + "".join(f"  {e.source} --> {e.target}\n" for e in record.edges)
    raise TorchmagicError(f"There is no form {form!r}.", hint=f"Forms: {', '.join(dict.fromkeys(FORMATS.values()))}")
