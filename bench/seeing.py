"""Seeing tensors: what a record, a cell's table and the magic cost, beside torch itself and lovely-tensors."""

from __future__ import annotations

import importlib
import importlib.util
import json
import linecache
import statistics
import subprocess
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from time import perf_counter
from typing import Any

from bench.figures import Figure

ROOT = Path(__file__).resolve().parents[1]
LARGE = 10**8
_SECONDS = 600
_FRESH = 5

#: Run by a fresh interpreter, so that its peak of memory is the record's own; prints seconds and bytes.
_RECORD = """
import json, time, torch
from torchmagic.observe.tensors import observe_tensor
def status(field):
    with open("/proc/self/status") as lines:
        return next(int(line.split()[1]) << 10 for line in lines if line.startswith(field))
x = torch.randn({size})
observe_tensor(x[:1 << 20], "x"); x.sum()
with open("/proc/self/clear_refs", "w") as reset:
    reset.write("5")
before = status("VmRSS")
record = observe_tensor(x, "x")
peak = status("VmHWM") - before
assert record.stats.count == {size} and not record.stats.sampled
def seconds(function, runs=9):
    found = []
    for _ in range(runs):
        start = time.perf_counter(); function(); found.append(time.perf_counter() - start)
    return sorted(found)[runs // 2]
sums, records = seconds(x.sum), seconds(lambda: observe_tensor(x, "x"))
print(json.dumps([records, sums, peak / x.nbytes]))
"""

#: One tensor's record beside what lovely-tensors says of it, where that is installed.
_PEER = """
import json, time, torch, lovely_tensors
x = torch.randn(1000)
str(lovely_tensors.lovely(x))
found = []
for _ in range(200):
    start = time.perf_counter(); str(lovely_tensors.lovely(x)); found.append(time.perf_counter() - start)
print(json.dumps(sorted(found)[100]))
"""

#: The same loop in a real shell, plainly and under the magic, by turns.
_LOOP = """
import io, json, time
from contextlib import redirect_stdout
from IPython.core.interactiveshell import InteractiveShell
shell = InteractiveShell.instance()
loop = "x = torch.ones(10)\\nfor step in range(10_000):\\n    x = x * 1.0001\\n"
seconds = {"": [], "%%tensorinfo\\n": []}
with redirect_stdout(io.StringIO()):
    shell.run_cell("import torch\\n%load_ext torchmagic").raise_error()
    for turn in range(8):
        for magic, found in seconds.items():
            start = time.perf_counter()
            shell.run_cell(magic + loop).raise_error()
            found.append(time.perf_counter() - start)
print(json.dumps([sorted(found[1:])[3] for found in seconds.values()]))
"""

_LOAD = """
import json, time, torch
from IPython.core.interactiveshell import InteractiveShell
shell = InteractiveShell.instance()
start = time.perf_counter()
shell.run_line_magic("load_ext", "torchmagic")
print(json.dumps(time.perf_counter() - start))
"""


def measure(folder: Path) -> list[Figure]:
    """All figures of seeing; ``folder`` is not needed."""
    return [*_large(), *_small(), *_cell(), *_loop(), *_load(), *_kinds(), *_failing()]


def _fresh(code: str) -> Any:
    """What a fresh interpreter prints as JSON."""
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=_SECONDS, check=False
    )
    if done.returncode:
        raise RuntimeError(f"this does not run by itself:\n{code}\n{done.stderr}")
    return json.loads(done.stdout.splitlines()[-1])


def _limit(name: str, ours: float, limit: float, unit: str) -> Figure:
    return Figure(name, ours, limit, "limit", unit, 1.0, "within")


def _median(function: Callable[[], object], runs: int) -> float:
    found = []
    for _ in range(runs):
        start = perf_counter()
        function()
        found.append(perf_counter() - start)
    return statistics.median(found)


def _large() -> list[Figure]:
    runs = [_fresh(_RECORD.format(size=LARGE)) for _ in range(3)]
    ours, sums, extra = (statistics.median(column) for column in zip(*runs, strict=True))
    name = "record of 1e8 float32, full statistics"
    return [
        Figure(name, ours * 1e3, sums * 1e3, "t.sum()", "ms", 4.0, "within"),
        _limit(f"{name}: extra memory", extra * 100, 1.0, "%"),
    ]


def _small() -> list[Figure]:
    import torch

    from torchmagic.observe.tensors import observe_tensor

    x = torch.randn(1000)
    name = "record and text of 1e3 elements"
    str(observe_tensor(x, "x"))
    ours = _median(lambda: str(observe_tensor(x, "x")), 200) * 1e3
    figures = [_limit(name, ours, 0.3, "ms")]
    if importlib.util.find_spec("lovely_tensors"):
        figures.append(Figure(name, ours, _fresh(_PEER) * 1e3, "lovely-tensors", "ms", 1.0, "within"))
    return figures


def _cell() -> list[Figure]:
    import torch

    from torchmagic.observe.containers import observe_found

    found = [(f"x{i}", torch.randn(100, 100), "new") for i in range(20)]

    def html() -> str:
        return observe_found(found)._repr_mimebundle_()["text/html"]

    size = len(html().encode())
    return [
        _limit("20 tensors of 100 × 100, records and HTML", _median(html, 20) * 1e3, 25.0, "ms"),
        _limit("20 tensors of 100 × 100, size of the HTML", size / 1e3, 60.0, "KB"),
    ]


def _loop() -> list[Figure]:
    plain, ours = _fresh(_LOOP)
    name = "a loop of 10,000 small operations under %%tensorinfo"
    return [Figure(name, ours * 1e3, plain * 1e3, "without", "ms", 1.5, "within")]


def _load() -> list[Figure]:
    seconds = statistics.median(_fresh(_LOAD) for _ in range(_FRESH))
    return [_limit("%load_ext torchmagic beyond import torch", seconds * 1e3, 150.0, "ms")]


def _kinds() -> list[Figure]:
    from tests.see.tensor_kinds import KINDS
    from torchmagic.observe.tensors import observe_tensor

    fail = sum(_raises(lambda make=make: observe_tensor(make(), "x")._repr_mimebundle_()) for make, _ in KINDS.values())
    return [Figure(f"kinds of tensor that raise, of {len(KINDS)}", fail, 1, "limit", "", 0.0, "within")]


def _raises(function: Callable[[], object]) -> bool:
    try:
        function()
    except Exception as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
        return True
    return False


def _failing() -> list[Figure]:
    """Cells of the corpus whose failing sub-expression and operands are not named; none while there is no corpus."""
    if importlib.util.find_spec("tests.see.failing_cells") is None:
        return []
    corpus = importlib.import_module("tests.see.failing_cells")
    cells = [cell for cell in corpus.cells() if not cell.awaits]
    missed = [cell for cell in cells if not _explained(corpus, cell)]
    for cell in missed:
        print(f"not explained: {cell}", file=sys.stderr)
    return [Figure(f"failing cells not explained, of {len(cells)}", len(missed), 1, "limit", "", 0.0, "within")]


def _explained(corpus: Any, cell: Any) -> bool:
    """Whether a cell, run as a file of its own, is explained as the corpus says."""
    import torchmagic
    from torchmagic.errors import TorchmagicError

    names: dict[str, Any] = {"__name__": "__main__"}
    exec(corpus.PRELUDE, names)
    name, source = f"<{cell}>", cell.source
    linecache.cache[name] = (len(source), None, source.splitlines(keepends=True), name)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # some cells do what torch warns of, before they fail
        try:
            exec(compile(source, name, "exec"), names)
        except Exception as error:
            try:
                return not corpus.complaints(cell, torchmagic.explain(error))
            except TorchmagicError:
                return False
    return False
