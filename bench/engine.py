"""The engine by itself: what it adds to a submission's own time, a remote differentiable call, and memory in flight."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Iterable
from pathlib import Path

import nbformat

from bench.figures import Figure
from graders.courses import clone_assignments
from graders.engine.client import Engine
from graders.engine.needs import read_needs
from graders.engine.report import Cell, Outcome, Submission
from graders.nbgrader_plugin.execute import read_cells, read_template

ASSIGNMENT = "backward_pass"
RUNS = 15
IN_FLIGHT = 4
ADDED_MS = 80.0
CALL_MS = 1.5
BYTES_PER_SECOND = 1e9
MEMORY_MB = 60.0

#: Run by a fresh interpreter: imports what the cells import, runs them all once, then times whole runs of them.
_BARE = """
import json, sys, time
from IPython.core.interactiveshell import InteractiveShell
shell = InteractiveShell.instance()
cells, runs = json.load(sys.stdin)
sources = [(compile(shell.transform_cell(source), f"<cell {n}>", "exec")) for n, source in enumerate(cells)]
seconds = []
for _ in range(runs + 1):
    names = {"__name__": "__main__", "get_ipython": lambda: shell}
    start = time.perf_counter()
    for code in sources:
        exec(code, names)
    seconds.append(time.perf_counter() - start)
json.dump(seconds[1:], sys.stderr)
"""
_CALLED = "def double(x):\n    return 2 * x\n"
_CALLS = """
import time, torch
def seconds(numel, runs):
    found = []
    for _ in range(runs):
        x = torch.rand(numel, requires_grad=True)
        up = torch.rand(numel)
        start = time.perf_counter()
        double(x).backward(up)
        found.append(time.perf_counter() - start)
    assert torch.equal(x.grad, 2 * up)
    return sorted(found)[len(found) // 2]
print(seconds(1 << 18, 60), seconds(25 << 20, 7))
"""


def measure(folder: Path) -> list[Figure]:
    """The engine's own figures; ``folder`` is not needed."""
    submission = _submission(clone_assignments() / "source" / ASSIGNMENT / f"{ASSIGNMENT}.ipynb")
    with Engine(at_once=1) as engine:
        engine.preload(read_needs(submission.template))
        _graded(engine, submission)
        ours = [_seconds(engine, submission) for _ in range(RUNS)]
        bare = _bare(submission.cells)
        ours += [_seconds(engine, submission) for _ in range(RUNS)]
        small, large = _calls(engine)
    added = (statistics.median(ours) - statistics.median(bare)) * 1e3
    carried = 4 * 100 * (1 << 20)  # the argument, the result, its gradient, and the argument's
    return [
        Figure(f"added to a submission of {ASSIGNMENT}", added, ADDED_MS, "limit", "ms", 1, "within"),
        Figure(
            "a remote call of 1 MB, there and back, forward and backward",
            small * 1e3,
            CALL_MS,
            "limit",
            "ms",
            1,
            "within",
        ),
        Figure(
            "seconds to carry a GB, calls of 100 MB",
            large / (carried / 1e9),
            1e9 / BYTES_PER_SECOND,
            "limit",
            "s",
            1,
            "within",
        ),
        Figure("memory of a submission in flight", _memory(submission) / 1e6, MEMORY_MB, "limit", "MB", 1, "within"),
    ]


def _submission(path: Path) -> Submission:
    """The instructor's own solution, handed in."""
    cells = read_cells(nbformat.read(path, as_version=4))
    return Submission(cells, template=read_template(path))


def _graded(engine: Engine, submission: Submission) -> None:
    report = engine.grade(submission)
    if report.outcome is not Outcome.PASSED:
        raise RuntimeError(f"what is measured does not pass: {report.outcome.value}, {report.message}")


def _seconds(engine: Engine, submission: Submission) -> float:
    start = time.perf_counter()
    _graded(engine, submission)
    return time.perf_counter() - start


def _bare(cells: Iterable[Cell]) -> list[float]:
    sources = [cell.source for cell in cells if cell.role != "ignored"]
    env = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, "-c", _BARE],
        input=json.dumps([sources, RUNS]),
        capture_output=True,
        text=True,
        env=env,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"the cells do not run by themselves:\n{done.stderr}")
    return [float(value) for value in json.loads(done.stderr.splitlines()[-1])]


def _calls(engine: Engine) -> tuple[float, float]:
    """Median seconds of a differentiable call, forward and backward, with 1 MB and with 100 MB."""
    report = engine.grade(Submission((Cell(0, _CALLED, "student"), Cell(1, _CALLS, "test", 1.0, "calls"))))
    if report.outcome is not Outcome.PASSED:
        raise RuntimeError(f"the calls do not pass: {report.message}")
    small, large = str(report.cells[1].outputs[0]["text"]).split()
    return float(small), float(large)


def _memory(submission: Submission) -> float:
    """Bytes that one more submission takes: the private memory of all processes but the warm ones, in mid-flight."""
    waiting = Cell(len(submission.cells), "import time\ntime.sleep(4)", "student")
    last = Submission((*submission.cells, waiting), template=submission.template)
    with Engine(at_once=IN_FLIGHT) as engine:
        engine.preload(read_needs(submission.template))
        engine.wait_until_ready()
        engine.grade(submission)
        threads = [threading.Thread(target=engine.grade, args=(last,)) for _ in range(IN_FLIGHT)]
        for thread in threads:
            thread.start()
        time.sleep(3.0)
        busy = _forks()
        for thread in threads:
            thread.join()
        time.sleep(1.0)
        idle = _forks()
    return (busy - idle) / IN_FLIGHT


def _forks() -> float:
    """Private bytes of all that this process has started, the warm parents and the slots that wait included."""
    parents: dict[int, int] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                parents[int(entry.name)] = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
            except OSError:
                continue
    family = {os.getpid()}
    while True:
        more = {pid for pid, parent in parents.items() if parent in family} - family
        if not more:
            break
        family |= more
    return float(sum(_private(pid) for pid in family - {os.getpid()}))


def _private(pid: int) -> int:
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0
    return sum(int(line.split()[1]) << 10 for line in lines if line.startswith(("Private_Clean", "Private_Dirty")))
