"""Measure everything, or what is named: `python -m bench [NAME]...`; the names are the keys of ``MEASURES``."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

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


def main(names: list[str]) -> int:
    """Measure, print a table, store the figures; 0 when every goal is met, else 1."""
    unknown = [name for name in names if name not in MEASURES]
    if unknown:
        print(f"No figure {', '.join(unknown)}. There are: {', '.join(MEASURES)}.", file=sys.stderr)
        return 2
    console = Console()
    figures: list[Figure] = []
    with tempfile.TemporaryDirectory(prefix="torchmagic-bench-") as folder:
        for name in names or MEASURES:
            console.print(f"measuring: {name} …", style="dim")
            figures += MEASURES[name](Path(folder) / name)
    console.print(table(figures))
    store(figures, RESULTS)
    return 0 if all(figure.met for figure in figures) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
