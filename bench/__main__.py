"""Measure everything, or what is named: `python -m bench [NAME]...`; the names are the keys of ``MEASURES``."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import click
from rich.console import Console

from bench import cluster, demo, engine, feedback, gradebook, grading, graphs, live, seeing
from bench.figures import Figure, store, table

RESULTS = Path(__file__).resolve().parents[1] / "bench-results.json"
MEASURES: dict[str, Callable[[Path], list[Figure]]] = {
    "engine": engine.measure,
    "grading": grading.measure,
    "gradebook": gradebook.measure,
    "cluster": cluster.measure,
    "feedback": feedback.measure,
    "seeing": seeing.measure,
    "graphs": graphs.measure,
    "live": live.measure,
    "demo": demo.measure,
}


@click.command(epilog="Without names, all are measured: an hour. The figures are also stored in bench-results.json.")
@click.argument("names", nargs=-1, type=click.Choice(list(MEASURES)))
def main(names: tuple[str, ...]) -> None:
    """Measure, print each figure beside its goal, and end with status 0 when every goal is met, else with 1."""
    console = Console()
    figures: list[Figure] = []
    with tempfile.TemporaryDirectory(prefix="torchmagic-bench-") as folder:
        for name in names or MEASURES:
            console.print(f"measuring: {name} …", style="dim")
            figures += MEASURES[name](Path(folder) / name)
    console.print(table(figures))
    store(figures, RESULTS)
    sys.exit(0 if all(figure.met for figure in figures) else 1)


if __name__ == "__main__":
    main(prog_name="python -m bench")
