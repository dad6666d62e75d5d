"""The base install in use: run by the interpreter in which torchmagic is installed (``python -I tests/smoke/base.py``).

It imports nothing of the clone's and needs no test runner; it stops at the first thing that is not as it must be.
"""

from __future__ import annotations

import sys
import sysconfig
import tempfile
from pathlib import Path
from typing import Any

import torch
from IPython.core.interactiveshell import InteractiveShell
from IPython.utils.capture import capture_output

import torchmagic


def demand(condition: object, what: str) -> None:
    """Stop with the reason where something is not so (asserts would be left out under ``-O``)."""
    if not condition:
        sys.exit(f"{sys.executable}: {what}")


def installed() -> None:
    """It is the installed package that runs, and it says its types."""
    home = Path(torchmagic.__file__).resolve().parent
    places = {Path(sysconfig.get_path(kind)).resolve() for kind in ("purelib", "platlib")}
    demand(home.parent in places, f"torchmagic is imported from {home}, not from {places}")
    demand((home / "py.typed").is_file(), "the wheel has no py.typed")
    heavy = {"nbgrader", "nbformat", "graders"} & set(sys.modules)
    demand(not heavy, f"importing torchmagic has imported {heavy}")


def records() -> None:
    """Scripts get records, which print, show, save and load."""
    record = torchmagic.inspect({"x": torch.arange(6.0).reshape(2, 3), "y": torch.ones(2)}, "batch")
    demand("float32" in str(record), f"inspect() printed {record}")
    demand(torchmagic.load(record.to_json()) == record, "a tensor record changed when it was saved and loaded")

    W = torch.tensor(3.0, requires_grad=True)  # noqa: N806
    with torchmagic.gradtrace() as traced:
        loss = (W * 2 - 10) ** 2
        loss.backward()
    graph = traced.record
    demand("-16" in str(graph), f"gradtrace() printed {graph}")
    demand(torchmagic.load(graph.to_json()) == graph, "a graph record changed when it was saved and loaded")
    with torchmagic.gradtrace(forward=True, saved=True, check=True, lr=0.1) as traced:
        loss = (W * 2 - 10) ** 2
        loss.backward()
    every = traced.record
    demand(every.forward and every.saved and every.checks[0].agrees, f"gradtrace() with all options is {every}")
    demand("Mul" in str(torchmagic.trace(W * 2, W=W)), "trace() shows no Mul")
    with tempfile.TemporaryDirectory() as folder:
        for kind, sign in {"svg": "<svg", "json": "{", "dot": "digraph", "mermaid": "flowchart"}.items():
            path = Path(folder, f"graph.{kind}")
            graph.save(path)
            demand(sign in path.read_text(encoding="utf-8"), f"graph.{kind} has no {sign}")
    try:
        torch.ones(3, 4) @ torch.ones(5, 4)
    except RuntimeError as error:
        demand(torchmagic.explain(error).kind == "matmul", "a wrong @ is not explained")


def magics() -> None:
    """The extension loads in IPython, shows what it must, and unloads."""
    shell = InteractiveShell.instance()

    def cell(source: str) -> tuple[Any, str, list[Any]]:
        with capture_output() as shown:
            result = shell.run_cell(source)
        return result, shown.stdout, shown.outputs

    result, said, _ = cell("import torch\n%load_ext torchmagic")
    demand(result.success, f"%load_ext torchmagic failed: {said}")
    result, said, outputs = cell("%%tensorinfo\nx = torch.arange(6.0).reshape(2, 3)\nx.sum()")
    demand(result.success and float(result.result) == 15.0, f"%%tensorinfo failed: {said}")
    html = "".join(output.data.get("text/html", "") for output in outputs)
    demand("(2, 3)" in html + said, f"%%tensorinfo showed no shape: {said}")
    cell("W = torch.tensor(3.0, requires_grad=True)")
    result, said, outputs = cell("%%gradtrace\nloss = (W * 2 - 10) ** 2\nloss.backward()")
    html = "".join(output.data.get("text/html", "") for output in outputs)
    demand(result.success and "<svg" in html and "-16" in html, f"%%gradtrace failed: {said}")
    result, said, outputs = cell("torch.ones(3, 4) @ torch.ones(5, 4)")
    shown = said + "".join(str(output.data) for output in outputs)
    demand(not result.success and "(3, 4)" in shown, "an error of an operation is not explained")
    result, said, _ = cell("%unload_ext torchmagic")
    demand(result.success, f"%unload_ext torchmagic failed: {said}")


def main() -> None:
    installed()
    records()
    magics()
    print(
        f"base: torchmagic {torchmagic.__version__}, torch {torch.__version__}, Python {sys.version.split()[0]}: good"
    )


if __name__ == "__main__":
    main()
