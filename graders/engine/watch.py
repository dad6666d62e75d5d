"""The process above a student's: ends it when told, when its memory is over, or when the judge is gone."""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import socket
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from graders.engine import kernel_calls as kc
from graders.engine.begin import Begin, recv_begin
from graders.engine.wire import WireClosed

_TICK_MS = 50


def watch_student(watch: socket.socket, orders: socket.socket, student: Callable[[Callable[[], Begin]], None]) -> None:
    """Fork a process that runs ``student``, which waits to be told to begin; watch it, and tell the judge how it ended.

    On ``watch``, ``I`` asks for an interrupt and ``K`` for the end; when it closes, the student's process ends.
    """
    begun, tell = socket.socketpair()
    baseline = _anonymous_memory(os.getpid())
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            watch.close()
            tell.close()
            kc.prctl(kc.PR_SET_PDEATHSIG, signal.SIGKILL)

            def wait() -> Begin:
                begin = recv_begin(orders)
                begun.send(str(begin.limits.memory_bytes).encode())
                return begin

            student(wait)
            status = 0
        except WireClosed:  # a slot that was not needed
            status = 0
        except BaseException as error:  # the last line of this process
            with contextlib.suppress(Exception):
                sys.__stderr__.write(f"torchmagic engine: {type(error).__name__}: {error}\n")  # type: ignore[union-attr]
        finally:
            os._exit(status)
    _close_others({watch.fileno(), tell.fileno()})
    handle = os.pidfd_open(pid)
    over_memory = _attend(watch, tell, handle, baseline)
    with contextlib.suppress(ProcessLookupError):
        signal.pidfd_send_signal(handle, signal.SIGKILL)
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)
    _, status = os.waitpid(pid, 0)
    report: dict[str, Any] = {"memory": True} if over_memory else {}
    if os.WIFSIGNALED(status):
        report["signal"] = os.WTERMSIG(status)
    else:
        report["exit"] = os.WEXITSTATUS(status)
    with contextlib.suppress(OSError):
        watch.send(json.dumps(report).encode())


def _attend(watch: socket.socket, begun: socket.socket, handle: int, baseline: int) -> bool:
    """Wait for the student's end; True when it was over its memory."""
    memory: int | None = None
    poll = select.poll()
    for descriptor in (watch.fileno(), begun.fileno(), handle):
        poll.register(descriptor, select.POLLIN)
    while True:
        events = dict(poll.poll(None if memory is None else _TICK_MS))
        if handle in events:
            return False
        if begun.fileno() in events:
            memory = int(begun.recv(64) or b"0")
            poll.unregister(begun.fileno())
        if watch.fileno() in events:
            if watch.recv(1) != b"I":
                return False
            signal.pidfd_send_signal(handle, signal.SIGINT)
        if memory is not None and memory_in_use(baseline) > memory:
            return True


def memory_in_use(baseline: int) -> int:
    """Bytes of anonymous memory that the processes seen in /proc hold above what each was born with."""
    total = 0
    for name in os.listdir("/proc"):
        if name.isdigit():
            total += max(0, _anonymous_memory(int(name)) - baseline)
    return total


def _anonymous_memory(pid: int) -> int:
    try:
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("RssAnon:"):
                return int(line.split()[1]) << 10
    except (OSError, ValueError):
        return 0
    return 0


def _close_others(keep: set[int]) -> None:
    start = 3
    for descriptor in sorted(keep):
        os.closerange(start, descriptor)
        start = descriptor + 1
    os.closerange(start, 65536)
