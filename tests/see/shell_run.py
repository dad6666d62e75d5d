"""What the cells of an IPython shell of this process display."""

from __future__ import annotations

import json
from typing import Any

from torchmagic.graph_records import GraphRecord


def shown(shell: Any, cell: str) -> list[dict[str, Any]]:
    """What a cell displays, but for what it prints and its last value."""
    from IPython.utils.capture import capture_output

    with capture_output() as captured:
        shell.run_cell(cell)
    return [
        output.data for output in captured.outputs if not output.metadata.get("last") and "text/plain" in output.data
    ]


def text(shell: Any, cell: str) -> str:
    """The same as text."""
    return "\n".join(data["text/plain"] for data in shown(shell, cell))


def graph(shell: Any, cell: str, options: str = "") -> GraphRecord:
    """The record that ``%%gradtrace`` gives of a cell."""
    (data,) = [data for data in shown(shell, f"%%gradtrace --json {options}\n{cell}") if "application/json" in data]
    assert json.loads(data["text/plain"]) == data["application/json"]
    return GraphRecord.from_json(data["text/plain"])
