"""One run of `torchmagic grade` over a class, by the real command: seconds, when each row came, memory meanwhile."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

_SECONDS = 3600
_LOOK = 0.5
_PROGRAM = str(Path(sys.executable).parent / "torchmagic")


@dataclass(frozen=True)
class ClassRun:
    """What one run took.

    Attributes:
        seconds: wall time of the command, start-up included.
        rows: seconds from the command's start to each submission's row in the gradebook, in order.
        memory: bytes that the grader and its warm parents held when so many rows were there: (rows, bytes).
    """

    seconds: float
    rows: tuple[float, ...]
    memory: tuple[tuple[int, int], ...]

    def each(self, first: int, last: int) -> float:
        """Seconds a submission from one row to another, so that the start-up does not count."""
        return (self.rows[last - 1] - self.rows[first - 1]) / (last - first)

    def held(self, rows: int) -> int:
        """Bytes when at least so many rows were there."""
        return next(held for count, held in self.memory if count >= rows)


def run_class(course: Path, assignment: str, *options: str) -> ClassRun:
    """Grade what was submitted.

    Raises:
        RuntimeError: not everything was graded.
    """
    log = course / f"bench-{time.monotonic_ns()}.jsonl"
    began, start = time.time(), time.monotonic()
    process = subprocess.Popen(
        [_PROGRAM, "grade", assignment, "--log", str(log), *options],
        cwd=course,
        env=environment(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    memory: list[tuple[int, int]] = []
    ended = threading.Event()
    watch = threading.Thread(target=_sample, args=(process.pid, log, memory, ended))
    watch.start()
    try:
        _, said = process.communicate(timeout=_SECONDS)
    finally:
        seconds = time.monotonic() - start
        ended.set()
        watch.join()
    if process.returncode:
        raise RuntimeError(f"torchmagic grade ended with {process.returncode}:\n{said}")
    rows = [datetime.fromisoformat(entry["time"]).timestamp() - began for entry in _submissions(log)]
    return ClassRun(seconds, tuple(sorted(rows)), tuple(memory))


def seconds_of(course: Path, *command: str) -> float:
    """Wall seconds that a command takes in a course's folder.

    Raises:
        RuntimeError: it ended badly.
    """
    start = time.monotonic()
    done = subprocess.run(
        command, cwd=course, env=environment(), capture_output=True, text=True, timeout=_SECONDS, check=False
    )
    seconds = time.monotonic() - start
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)} ended with {done.returncode}:\n{done.stdout}\n{done.stderr}")
    return seconds


def environment() -> dict[str, str]:
    """The environment in which a course's commands find those of this installation."""
    return {**os.environ, "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])}


def _submissions(log: Path) -> list[dict[str, str]]:
    entries = [json.loads(line) for line in log.read_text(encoding="utf-8").splitlines()]
    return [entry for entry in entries if entry["event"] == "submission"]


def _sample(pid: int, log: Path, memory: list[tuple[int, int]], ended: threading.Event) -> None:
    while not ended.wait(_LOOK):
        count = log.read_bytes().count(b'"event": "submission"') if log.exists() else 0
        held = _proportional([pid, *_lasting_children(pid)])
        if held:
            memory.append((count, held))


def _lasting_children(pid: int) -> list[int]:
    """The warm parents: what the grader starts, and what that has started with it; not the forks for a submission."""
    found: list[int] = []
    for child in _children(pid):
        found += [child, *(other for other in _children(child) if _age(other) > 2.0)]
    return found


def _children(pid: int) -> list[int]:
    try:
        tasks = list(Path(f"/proc/{pid}/task").iterdir())
        return [int(child) for task in tasks for child in (task / "children").read_text().split()]
    except OSError:
        return []


def _age(pid: int) -> float:
    try:
        began = int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19])
    except (OSError, IndexError):
        return 0.0
    return time.clock_gettime(time.CLOCK_BOOTTIME) - began / os.sysconf("SC_CLK_TCK")


def _proportional(processes: Sequence[int]) -> int:
    """Bytes, each page that several processes share divided among them."""
    total = 0
    for pid in processes:
        try:
            lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
        except OSError:
            continue
        total += sum(int(line.split()[1]) << 10 for line in lines if line.startswith("Private_"))
    return total
