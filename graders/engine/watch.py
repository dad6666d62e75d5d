"""The process above a student's: ends it when told, when its memory is over, or when the judge is gone."""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import socket
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from graders.engine import accounting
from graders.engine import kernel_calls as kc
from graders.engine.begin import Begin, recv_begin
from graders.engine.wire import WireClosed

#: What confirms an interrupt: from then on it cannot hit anything later than what it was meant for.
INTERRUPTED = b"i"
_TICK_SECONDS = 0.05
_LONGEST_SECONDS = 0.25
#: A look at the memory is followed by a pause this many times as long, within these bounds: watching must stay cheap.
_PAUSE = 3
_LAST_ROUNDS = 100
#: How a process ends when code in C gets no more memory and does not look: then that was its memory's end.
_OF_EXHAUSTION = (signal.SIGSEGV, signal.SIGABRT, signal.SIGBUS)
#: How our own code in the student's process ends where it gets none.
_GAVE_UP = 1
_NEARLY = 0.9


@dataclass(slots=True)
class _Allowed:
    """Bytes of memory that the submission may have, once it has begun."""

    memory: int = 0


def watch_student(
    watch: socket.socket, orders: socket.socket, student: Callable[[Callable[[], Begin]], None], *, walled: bool
) -> None:
    """Fork a process that runs ``student``, which waits to be told to begin; watch it, and tell the judge how it ended.

    On ``watch``, ``I`` asks for an interrupt, which is confirmed, and ``K`` for the end; when it closes, the student's
    process ends.

    Args:
        walled: whether /proc shows the submission's processes only, which the kernel ends with the first of them.
            If not, what it leaves behind becomes this process's child and is ended too.
    """
    begun, tell = socket.socketpair()
    born_with, born_resident = accounting.own_memory("self"), accounting.resident("self")
    if not walled:
        kc.prctl(kc.PR_SET_CHILD_SUBREAPER, 1)
    pid = os.fork()
    if pid == 0:
        status = _GAVE_UP
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

    def processes() -> list[int]:
        return accounting.all_processes() if walled else accounting.descendants(os.getpid())

    allowed = _Allowed()
    over_memory = False
    try:
        over_memory = _attend(
            watch, tell, (pid, handle), allowed, lambda: accounting.over(allowed.memory, processes(), born_with)
        )
    finally:
        status, peak = _end(pid, handle)
        if not walled:
            _end_rest()
    if os.waitstatus_to_exitcode(status) in (_GAVE_UP, *(-number for number in _OF_EXHAUSTION)):
        over_memory = over_memory or peak - born_resident > _NEARLY * allowed.memory
    report: dict[str, Any] = {"memory": True} if over_memory else {}
    if os.WIFSIGNALED(status):
        report["signal"] = os.WTERMSIG(status)
    else:
        report["exit"] = os.WEXITSTATUS(status)
    with contextlib.suppress(OSError):
        watch.send(json.dumps(report).encode())


def _attend(
    watch: socket.socket, begun: socket.socket, student: tuple[int, int], allowed: _Allowed, over: Callable[[], bool]
) -> bool:
    """Wait for the end of the student's process, given as its id and a handle; True when it was over its memory."""
    pid, handle = student
    started = False
    pause = _TICK_SECONDS
    poll = select.poll()
    for descriptor in (watch.fileno(), begun.fileno(), handle):
        poll.register(descriptor, select.POLLIN)
    while True:
        events = dict(poll.poll(pause * 1000 if started else None))
        if handle in events:
            return False
        if begun.fileno() in events:
            allowed.memory = int(begun.recv(64) or b"0")
            started = True
            poll.unregister(begun.fileno())
        if watch.fileno() in events:
            if watch.recv(1) != b"I":
                return False
            with contextlib.suppress(OSError):
                kc.interrupt(pid)
            with contextlib.suppress(OSError):
                watch.send(INTERRUPTED)
        if started:
            start = time.monotonic()
            if over():
                return True
            pause = min(max(_TICK_SECONDS, _PAUSE * (time.monotonic() - start)), _LONGEST_SECONDS)


def _end(pid: int, handle: int) -> tuple[int, int]:
    """End the student's process, and with it its process tree; gives its exit status and its largest resident size."""
    with contextlib.suppress(ProcessLookupError):
        signal.pidfd_send_signal(handle, signal.SIGKILL)
    _, status, used = os.wait4(pid, 0)
    return status, used.ru_maxrss << 10


def _end_rest() -> None:
    """End what an unwalled submission left running: all of it has become ours."""
    for _ in range(_LAST_ROUNDS):
        left = accounting.descendants(os.getpid())
        if not left:
            return
        for process in left:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(process, signal.SIGKILL)
        with contextlib.suppress(ChildProcessError):
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        time.sleep(0.01)


def _close_others(keep: set[int]) -> None:
    start = 3
    for descriptor in sorted(keep):
        os.closerange(start, descriptor)
        start = descriptor + 1
    os.closerange(start, 65536)
