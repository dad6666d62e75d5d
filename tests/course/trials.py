"""Run many variants of one notebook quickly: its cells as plain Python, a fork of one warm process for each variant.

A variant replaces the text of some cells. The cells before the first that it replaces were run once, in the warm
process; the fork goes on from there. So the judge's own checks run as under plain nbgrader, without a kernel.
"""

from __future__ import annotations

import ast
import contextlib
import gc
import importlib
import json
import linecache
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import nbformat

from graders.engine.hidden import hidden_lines
from graders.engine.needs import hints

ROOT = Path(__file__).resolve().parents[2]
_SEED = re.compile(r"^(\s*seed = )\d+$")
#: An endless variant is ended after so many times the CPU seconds that the whole notebook took, and these besides.
_PATIENCE, _LEAST = 5.0, 1.0
#: More variants than these are shared by two processes.
_SHARED = 40


@dataclass(frozen=True)
class TrialCell:
    """A code cell; a test has points."""

    name: str
    source: str
    points: float | None = None
    solution: bool = False


@dataclass(frozen=True)
class Variant:
    """What to try: the new text of some cells, by their place."""

    name: str
    changes: Mapping[int, str] = field(default_factory=dict)


def trial_cells(nb: Any) -> list[TrialCell]:
    """A notebook's code cells, below an empty one for what a student puts first."""
    cells = [TrialCell("first", "")]
    for cell in nb.cells:
        if cell.cell_type == "code":
            meta = cell.metadata.get("nbgrader", {})
            test = meta.get("grade") and not meta.get("solution")
            points = float(meta["points"]) if test else None
            name = meta.get("grade_id", "")
            cells.append(TrialCell(name, cell.source, points, bool(meta.get("solution"))))
    return cells


def read_trial(path: Path) -> list[TrialCell]:
    """A stored notebook's code cells."""
    return trial_cells(nbformat.read(path, as_version=4))


def reseeded(cells: Sequence[TrialCell], shift: int) -> dict[int, str]:
    """The test cells with another number in every hidden line ``seed = N``, by their place."""
    found = {}
    for place, cell in enumerate(cells):
        hidden = hidden_lines(cell.source) if cell.points is not None else set()
        lines = [
            _SEED.sub(rf"\g<1>{1_000_003 * shift + number}", line) if number in hidden else line
            for number, line in enumerate(cell.source.splitlines(), 1)
        ]
        if lines != cell.source.splitlines():
            found[place] = "\n".join(lines)
    return found


def run_trials(
    cells: Sequence[TrialCell], variants: Iterable[Variant], *, until_lost: bool = False, cwd: Path
) -> dict[str, dict[str, float]]:
    """The points of each test cell, by variant and grade_id, from processes of their own.

    Args:
        until_lost: stop a variant at the first test that gives less than its points; the rest is left out.
        cwd: where the cells run.
    """
    some = list(variants)
    parts = [some[::2], some[1::2]] if len(some) > _SHARED else [some]
    with ThreadPoolExecutor(2) as pool:
        found = list(pool.map(lambda part: _in_a_process(cells, part, until_lost, cwd), parts))
    return {name: scores for each in found for name, scores in each.items()}


def _in_a_process(
    cells: Sequence[TrialCell], variants: Sequence[Variant], until_lost: bool, cwd: Path
) -> dict[str, dict[str, float]]:
    job = {"cells": [asdict(cell) for cell in cells], "variants": [asdict(v) for v in variants], "stop": until_lost}
    # one thread: pools do not survive a fork
    env = {**os.environ, "OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": "", "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-W", "ignore", "-m", "tests.course.trials"]
    done = subprocess.run(
        command, input=json.dumps(job), capture_output=True, text=True, env=env, cwd=cwd, timeout=1800, check=False
    )
    if done.returncode:
        raise RuntimeError(f"the trials ended with status {done.returncode}:\n{done.stderr[-4000:]}")
    found: dict[str, dict[str, float]] = json.loads(done.stdout.splitlines()[-1])
    return found


class Shell:
    """Names and scores of one notebook under way."""

    def __init__(self, cells: Sequence[TrialCell], *, until_lost: bool) -> None:
        self.cells = list(cells)
        self.until_lost = until_lost
        self.names: dict[str, Any] = {"__name__": "__main__"}
        self.scores: dict[str, float] = {}
        self.errors: dict[str, str] = {}

    def run(self, start: int, end: int) -> bool:
        """Run cells; False where one stopped the variant."""
        for cell in self.cells[start:end]:
            value, failed = None, False
            try:
                value = self._execute(cell)
            except BaseException as error:  # whatever a wrong answer leads to
                failed = True
                self.errors[cell.name] = f"{type(error).__name__}: {error}"
            if cell.points is not None:
                self.scores[cell.name] = 0.0 if failed else _credit(value, cell.points)
                if self.until_lost and self.scores[cell.name] < cell.points:
                    return False
        return True

    def _execute(self, cell: TrialCell) -> object:
        source = "\n".join("" if line.lstrip().startswith(("%", "!")) else line for line in cell.source.splitlines())
        tree = ast.parse(source)
        last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
        name = f"<test cell {cell.name}>" if cell.points is not None else f"<cell {cell.name}>"
        linecache.cache[name] = (len(source), None, source.splitlines(keepends=True), name)
        exec(compile(tree, name, "exec"), self.names)
        return eval(compile(ast.Expression(last.value), name, "eval"), self.names) if last is not None else None


def _credit(value: object, points: float) -> float:
    from graders.engine.testcell import credit

    return credit(value, points)


def _main() -> None:
    import torch

    import graders.checks  # noqa: F401  warm for all

    torch.set_num_threads(1)
    job = json.load(sys.stdin)
    cells = [TrialCell(**cell) for cell in job["cells"]]
    variants = [Variant(v["name"], {int(key): text for key, text in v["changes"].items()}) for v in job["variants"]]
    variants.sort(key=lambda variant: min(variant.changes, default=len(cells)))
    say = os.dup(1)
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    os.dup2(1, 2)
    for module in {name for variant in variants for text in variant.changes.values() for name in hints(text)}:
        importlib.import_module(module)
    seconds = _seconds_of_all(cells)
    shell, done, found = Shell(cells, until_lost=False), 0, {}
    for variant in variants:
        first = min(variant.changes, default=len(cells))
        shell.run(done, first)
        done = first
        changed = [replace(c, source=variant.changes.get(i, c.source)) for i, c in enumerate(cells)]
        found[variant.name] = _forked(shell, changed, first, job["stop"], _LEAST + _PATIENCE * seconds)
    os.write(say, (json.dumps(found) + "\n").encode())


def _seconds_of_all(cells: Sequence[TrialCell]) -> float:
    """CPU seconds of the notebook as it is, once what it imports and uses for the first time is warm."""
    before = 0.0
    for _ in range(2):
        before = time.process_time()
        Shell(cells, until_lost=False).run(0, len(cells))
    return time.process_time() - before


def _forked(shell: Shell, cells: Sequence[TrialCell], start: int, stop: bool, seconds: float) -> dict[str, float]:
    """The scores of a variant; tests that it did not reach, or that came with a sudden end, give nothing."""
    ours, theirs = os.pipe()
    gc.freeze()
    child = os.fork()
    if child == 0:
        os.close(ours)
        signal.signal(signal.SIGPROF, signal.SIG_DFL)
        signal.setitimer(signal.ITIMER_PROF, seconds)
        signal.alarm(int(30 * seconds) + 60)  # one that sleeps
        shell.cells, shell.until_lost = list(cells), stop
        shell.run(start, len(cells))
        with contextlib.suppress(OSError):
            os.write(theirs, json.dumps([shell.scores, shell.errors]).encode()[:60_000])
        os._exit(0)
    os.close(theirs)
    with open(ours, "rb") as file:
        text = file.read()
    os.waitpid(child, 0)
    scores: dict[str, float] = json.loads(text)[0] if text else dict(shell.scores)
    names = {cell.name: 0.0 for cell in cells if cell.points is not None}
    return {**names, **scores}


if __name__ == "__main__":
    _main()
