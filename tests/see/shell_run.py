"""An IPython shell of this process with the magics loaded, and what its cells display."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from torchmagic.graph_records import GraphRecord


@pytest.fixture(scope="module")
def loaded() -> Iterator[Any]:
    from IPython.core.interactiveshell import InteractiveShell

    shell: Any = InteractiveShell.instance()
    shell.run_cell("%load_ext torchmagic")
    yield shell
    shell.run_cell("%unload_ext torchmagic")
    shell.history_manager.end_session()
    InteractiveShell.clear_instance()


@pytest.fixture
def shell(loaded: Any) -> Any:
    for name in [name for name in loaded.user_ns if not name.startswith("_")]:
        del loaded.user_ns[name]
    loaded.run_cell("import torch\nfrom torch import nn\nfrom torch.nn import functional as F")
    return loaded


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
