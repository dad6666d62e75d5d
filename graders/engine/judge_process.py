"""A judge's process: reads one submission as data, judges it, and sends a report of each cell as it is done."""

from __future__ import annotations

import os
import resource
import socket
import sys
from pathlib import Path

from graders.engine.arena import Arena
from graders.engine.deadline import lost_by
from graders.engine.judge import Judge
from graders.engine.outputs import storable
from graders.engine.report import Cell, CellReport, Limits, Submission, facts
from graders.engine.watched import HANDLE
from graders.engine.wire import Caps, Frame, recv_frame, send_frame

_TRUSTED = Caps(header=1 << 30, body=0)
_OWN_MEMORY = 2 << 30


def _limit_memory(student: int) -> None:
    """Bound the judge's own memory too: what the student's process sends may be large, and a test may double it."""
    virtual = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    limit = virtual + 2 * student + _OWN_MEMORY
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (limit if hard == resource.RLIM_INFINITY else min(limit, hard), hard))


def _student_of(watch: socket.socket) -> int:
    """The id that the student's process has here, for its parent's processes are numbered otherwise; 0 if unknown."""
    _, handles, _, _ = socket.recv_fds(watch, len(HANDLE), 1)
    student = 0
    for handle in handles:
        lines = Path(f"/proc/self/fdinfo/{handle}").read_text().splitlines()
        student = max([0, *(int(line.split()[1]) for line in lines if line.startswith("Pid:"))])
        os.close(handle)
    return student


def run_judge(wire: socket.socket, watch: socket.socket, report: socket.socket, arena: Arena) -> None:
    """Judge the submission that arrives on ``report``; its cell reports go back the same way."""
    student = _student_of(watch)
    send_frame(report, Frame({"pid": os.getpid(), "student": student}))
    header = recv_frame(report, caps=_TRUSTED).header
    _limit_memory(header["limits"]["memory_bytes"])
    files = Path(header["scratch"], "judge")
    os.chdir(files if files.is_dir() else header["scratch"])
    sys.path.insert(0, f"{header['scratch']}/modules")  # the instructor's files; never the folder of the student's
    submission = Submission(
        cells=tuple(Cell(**cell) for cell in header["cells"]),
        template=tuple(Cell(**cell) for cell in header["template"]),
        limits=Limits(**header["limits"]),
    )

    def emit(cell: CellReport) -> None:
        send_frame(report, Frame({"cell": storable({**facts(cell), "outcome": cell.outcome.value})}))

    Judge(submission, wire, watch, emit, arena, lost=lambda: lost_by(os.getpid(), student)).run()
    send_frame(report, Frame({"done": True}))
