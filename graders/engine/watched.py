"""A student's process that somebody watches over: how it is forked, and what is known of it."""

from __future__ import annotations

import contextlib
import os
import socket
from collections.abc import Callable
from dataclasses import dataclass, field

from graders.engine import accounting
from graders.engine import kernel_calls as kc
from graders.engine.begin import Begin, recv_begin
from graders.engine.forks import do_and_end, settle

#: A submission of more processes than these, each of which takes time to look at, gets somebody who does nothing else.
_FEW = 2
#: What comes with a handle of the student's process.
HANDLE = b"h"


@dataclass(slots=True)
class Watched:
    """A student's process, and what is known of it.

    Attributes:
        pid, handle: its id and a descriptor of it.
        watch: the judge's orders; tells it how the process ended.
        begun: tells of the submission's beginning.
        walled: whether it is the first of a process tree that the kernel ends with it.
        born_with, born_resident: bytes that it shared with its parent.
        proc: where the processes of the submission are to be seen; "" before it has begun.
        memory: bytes that the submission may have.
        next_look: when to look at its memory.
        over_memory: whether it was ended for its memory.
        looker: a process that looks at its memory instead of this one, and 0 where there is none.
    """

    pid: int
    handle: int
    watch: socket.socket
    begun: socket.socket
    walled: bool
    born_with: int
    born_resident: int
    proc: str = ""
    memory: int = 0
    next_look: float = 0.0
    over_memory: bool = False
    looker: int = 0
    descriptors: list[int] = field(default_factory=list)

    def is_over(self) -> bool:
        """Whether the submission takes more memory than it may."""
        processes = accounting.all_processes(self.proc) if self.walled else accounting.descendants(os.getpid())
        return accounting.over(self.memory, processes, self.born_with, self.proc)

    def close(self) -> None:
        """Let go of all that it took to watch it."""
        self.watch.close()
        self.begun.close()
        for descriptor in (self.handle, *self.descriptors):
            os.close(descriptor)
        self.descriptors.clear()

    def takes_long(self) -> bool:
        """Whether looking at its memory takes so long that the others would wait for it."""
        return self.walled and len(accounting.all_processes(self.proc)) > _FEW


def fork_watched(
    watch: socket.socket, orders: socket.socket, student: Callable[[Callable[[], Begin]], None], *, walled: bool
) -> Watched:
    """Fork a process that runs ``student``, which waits to be told to begin.

    On ``watch``, the judge gets a handle of the process. ``I`` there asks for an interrupt, which is confirmed, and
    ``K`` for the end; when it closes, the student's process ends.

    Args:
        walled: whether it becomes process 1 of a process tree of its own.
    """
    begun, tell = socket.socketpair()
    born_with, born_resident = accounting.own_memory("self"), accounting.resident("self")
    pid = kc.fork_new_tree() if walled else os.fork()
    if pid == 0:

        def wait() -> Begin:
            begin = recv_begin(orders)
            proc = os.open("/proc", os.O_PATH | os.O_DIRECTORY)
            socket.send_fds(tell, [str(begin.limits.memory_bytes).encode()], [proc])
            os.close(proc)
            return begin

        def work() -> None:
            watch.close()
            begun.close()
            settle()
            student(wait)

        do_and_end(work)
    tell.close()
    orders.close()
    handle = os.pidfd_open(pid)
    with contextlib.suppress(OSError):
        socket.send_fds(watch, [HANDLE], [handle])
    return Watched(pid, handle, watch, begun, walled, born_with, born_resident)
