"""Run cells in a real kernel, plainly or with every code cell under magics."""

from __future__ import annotations

import sys
from typing import Any

import nbformat
from jupyter_client.manager import AsyncKernelManager
from nbclient import NotebookClient
from nbformat.v4 import new_code_cell, new_notebook

_OURS = ("tensorinfo: this cell", "gradtrace: no operation")
_OUR_HTML = ('<section role="note" aria-label="Why ', "<style>\n.tm-seen{", '<figure style="margin:0.4em 0')


class ThisInterpreter(AsyncKernelManager):
    """A kernel of the interpreter that runs the tests, whatever kernels are installed."""

    def format_kernel_cmd(self, extra_arguments: Any = None) -> list[str]:
        connection = self.connection_file
        return [sys.executable, "-Xfrozen_modules=off", "-m", "ipykernel_launcher", "-f", connection]


def run_cells(cells: list[str]) -> list[Any]:
    """The executed cells of a notebook; errors are kept as outputs."""
    notebook = new_notebook(cells=[new_code_cell(source) for source in cells])
    client = NotebookClient(notebook, allow_errors=True, timeout=120, kernel_manager_class=ThisInterpreter)
    client.execute()
    nbformat.validate(notebook)
    return list(notebook.cells)


def without_ours(outputs: list[Any]) -> list[Any]:
    """The outputs that are the cell's own: what the magics show, always at the end, left out."""
    kept: list[Any] = []
    for output in outputs:
        plain = dict(output)
        if output.output_type == "display_data" and output.data.get("text/html", "").lstrip().startswith(_OUR_HTML):
            continue
        if output.output_type == "display_data" and output.data.get("text/plain", "").startswith(_OURS):
            continue
        last = kept[-1] if kept else {}
        if plain["output_type"] == "stream" and last.get("name") == plain["name"]:
            last["text"] += plain["text"]  # where a stream is cut in two is a matter of time
            continue
        kept.append(plain)
    return kept
