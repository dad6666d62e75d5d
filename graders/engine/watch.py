"""Watching over students' processes: each is ended when told, when its memory is over, or when its judge is gone.

Their warm parent does it itself, between its forks, so that a submission costs no process more. While the parent has
long things to do, and where there are no walls, each of them has a process of its own that watches (``watch_alone``).
"""

from __future__ import annotations

import contextlib
import json
import math
import os
import select
import signal
import socket
import time
from collections.abc import Callable
from typing import Any

from graders.engine import accounting
from graders.engine import kernel_calls as kc
from graders.engine.begin import Begin
from graders.engine.forks import GAVE_UP, forked, settle
from graders.engine.watched import Watched, fork_watched

#: What confirms an interrupt: from then on it cannot hit anything later than what it was meant for.
INTERRUPTED = b"i"
_TICK_SECONDS = 0.05
_LONGEST_SECONDS = 0.25
#: A look at the memory is followed by a pause this many times as long, within these bounds: watching must stay cheap.
_PAUSE = 3
_LAST_ROUNDS = 100
#: How a process ends when code in C gets no more memory and does not look: then that was its memory's end.
_OF_EXHAUSTION = (signal.SIGSEGV, signal.SIGABRT, signal.SIGBUS)
_NEARLY = 0.9


class Watches:
    """The students' processes that this process watches over.

    Args:
        shared: whether they are several, so that none of them may take all of its time.
    """

    def __init__(self, *, shared: bool = True) -> None:
        self._shared = shared
        self._poll = select.poll()
        self._watched: dict[int, Watched] = {}

    def __bool__(self) -> bool:
        """Whether there is any that has not ended."""
        return bool(self._watched)

    def add(self, student: Watched) -> None:
        """Watch over one more."""
        for descriptor in (student.watch.fileno(), student.begun.fileno(), student.handle):
            self._watched[descriptor] = student
            self._poll.register(descriptor, select.POLLIN)

    def close(self) -> None:
        """In a fork: let go of all, without ending any."""
        for student in {id(student): student for student in self._watched.values()}.values():
            student.close()
        self._watched.clear()

    def attend(self, control: socket.socket | None = None, *, wait: bool = True) -> bool:
        """Do for each what there is to do now, or else when something comes up.

        Args:
            control: a socket that is also waited for.
            wait: whether to wait at all.

        Returns:
            whether there is something to be read on ``control``.
        """
        other = -1
        if control is not None:
            other = control.fileno()
            self._poll.register(other, select.POLLIN)
        events = self._poll.poll(self._pause() if wait else 0)
        if control is not None:
            self._poll.unregister(other)
        for descriptor, _ in events:
            student = self._watched.get(descriptor)
            if student is not None:
                self._heard(student, descriptor)
        self._look()
        return any(descriptor == other for descriptor, _ in events)

    def _pause(self) -> float | None:
        """Milliseconds until somebody's memory is to be looked at."""
        looks = [student.next_look for student in self._watched.values() if student.proc and not student.looker]
        return max(0.0, min(looks) - time.monotonic()) * 1000 + 1 if looks else None

    def _heard(self, student: Watched, descriptor: int) -> None:
        if descriptor == student.handle:
            self._ended(student)
        elif descriptor == student.begun.fileno():
            self._forget(descriptor)
            memory, descriptors, _, _ = socket.recv_fds(student.begun, 64, 1)
            if descriptors:
                student.descriptors += descriptors
                student.proc = f"/proc/self/fd/{descriptors[0]}" if student.walled else "/proc"
                student.memory = int(memory)
        elif descriptor in student.descriptors:
            student.over_memory = bool(os.read(descriptor, 1))
            self._forget(descriptor)
            self._end(student)
        elif _order(student.watch) != b"I":
            self._end(student)
        else:
            with contextlib.suppress(OSError):
                kc.interrupt(student.pid)
            with contextlib.suppress(OSError):
                student.watch.send(INTERRUPTED, socket.MSG_DONTWAIT)

    def _look(self) -> None:
        now = time.monotonic()
        due = {student.pid: student for student in self._watched.values() if student.proc and student.next_look <= now}
        for student in due.values():
            if self._shared and student.takes_long():
                self._hand_over(student)
                continue
            start = time.monotonic()
            if student.is_over():
                student.over_memory = True
                self._end(student)
            end = time.monotonic()
            student.next_look = end + _pause_after(end - start)

    def _hand_over(self, student: Watched) -> None:
        """Let a fork look at a submission's memory, and tell when it is over; it ends with the submission."""
        ours, theirs = os.pipe()

        def look() -> None:
            settle()
            os.close(ours)
            start = time.monotonic()
            while not student.is_over():
                time.sleep(_pause_after(time.monotonic() - start))
                start = time.monotonic()
            os.write(theirs, b"m")

        student.looker = forked(look)
        os.close(theirs)
        student.next_look = math.inf
        student.descriptors.append(ours)
        self._watched[ours] = student
        self._poll.register(ours, select.POLLIN)

    def _end(self, student: Watched) -> None:
        """End a student's process, and with it its process tree; its handle tells when it has ended."""
        with contextlib.suppress(ProcessLookupError):
            signal.pidfd_send_signal(student.handle, signal.SIGKILL)
        student.proc = ""
        for descriptor in (student.watch.fileno(), student.begun.fileno()):
            self._forget(descriptor)

    def _ended(self, student: Watched) -> None:
        """Tell the judge how a student's process ended."""
        for descriptor in (student.watch.fileno(), student.begun.fileno(), student.handle):
            self._forget(descriptor)
        for descriptor in student.descriptors:
            self._forget(descriptor)
        if student.looker:
            os.kill(student.looker, signal.SIGKILL)
            os.waitpid(student.looker, 0)
        _, status, used = os.wait4(student.pid, 0)
        if not student.walled:
            _end_rest()
        if os.waitstatus_to_exitcode(status) in (GAVE_UP, *(-number for number in _OF_EXHAUSTION)):
            peak = used.ru_maxrss << 10
            student.over_memory = student.over_memory or peak - student.born_resident > _NEARLY * student.memory
        report: dict[str, Any] = {"memory": True} if student.over_memory else {}
        if os.WIFSIGNALED(status):
            report["signal"] = os.WTERMSIG(status)
        else:
            report["exit"] = os.WEXITSTATUS(status)
        with contextlib.suppress(OSError):
            student.watch.send(json.dumps(report).encode(), socket.MSG_DONTWAIT)
        student.close()

    def _forget(self, descriptor: int) -> None:
        if self._watched.pop(descriptor, None) is not None:
            self._poll.unregister(descriptor)


def _pause_after(look: float) -> float:
    """Seconds until the next look at a submission's memory, after one that took so many."""
    return min(max(_TICK_SECONDS, _PAUSE * look), _LONGEST_SECONDS)


def _order(watch: socket.socket) -> bytes:
    """What the judge wants; nothing where it is gone."""
    try:
        return watch.recv(1)
    except OSError:  # it was gone before it had read all that it was told
        return b""


def watch_alone(
    watch: socket.socket, orders: socket.socket, student: Callable[[Callable[[], Begin]], None], *, walled: bool
) -> None:
    """In a process that does nothing else: fork one that runs ``student``, and watch over it to its end.

    Where there are no walls, what it leaves behind becomes this process's child and is ended too.
    """
    if not walled:
        kc.prctl(kc.PR_SET_CHILD_SUBREAPER, 1)
    watches = Watches(shared=False)
    watched = fork_watched(watch, orders, student, walled=walled)
    _close_others({watched.watch.fileno(), watched.begun.fileno(), watched.handle})
    watches.add(watched)
    while watches:
        watches.attend()


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
