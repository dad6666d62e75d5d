"""Start the warm processes, and end them: one program that becomes two parents, each with a control socket."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
from pathlib import Path

import graders
import torchmagic
from graders.engine import walls
from graders.engine.outer_root import View

#: glibc's heap, of which torch fills a hundred megabytes, in pages of 2 MiB from the start: a fork copies a shorter
#: page table. The rest of the memory gets there when all is warm.
_HUGE_PAGES = {"GLIBC_TUNABLES": "glibc.malloc.hugetlb=1"}


def start_warm(stack: contextlib.ExitStack, isolation: str, view: View) -> tuple[socket.socket, socket.socket]:
    """Start them; ``stack`` ends them. Gives the control sockets of the students' parent and of the judges'.

    Args:
        isolation: "namespaces" or "process".
        view: what the students' processes may read.
    """
    student_mine, student_theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    judge_mine, judge_theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    root = stack.enter_context(tempfile.TemporaryDirectory(prefix="torchmagic-"))
    os.chmod(root, 0o755)
    options = {"isolation": isolation, "readable": view.readable, "hidden": view.hidden, "root": root}
    theirs = (student_theirs.fileno(), judge_theirs.fileno())
    process = subprocess.Popen(
        [sys.executable, "-m", "graders.engine.warm", *map(str, theirs)],
        pass_fds=theirs,
        stdin=subprocess.PIPE,
        cwd="/",
        env={
            **walls.environment(),
            **_HUGE_PAGES,
            "HOME": os.environ.get("HOME", "/"),
            "PYTHONPATH": _python_path(),
        },
        start_new_session=True,
    )
    stack.callback(_end, process)
    assert process.stdin is not None
    with contextlib.suppress(BrokenPipeError), process.stdin as pipe:  # anybody can read a command line
        pipe.write(json.dumps(options).encode())
    for sock in (student_mine, judge_mine):
        stack.callback(sock.close)
    student_theirs.close()
    judge_theirs.close()
    return student_mine, judge_mine


def packages() -> list[Path]:
    """The folders of our own packages."""
    return [Path(package.__file__).resolve().parent for package in (torchmagic, graders) if package.__file__]


def _python_path() -> str:
    return os.pathsep.join(dict.fromkeys(str(package.parent) for package in packages()))


def _end(process: subprocess.Popen[bytes]) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGTERM)
    try:
        process.wait(5)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
