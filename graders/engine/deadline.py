"""Deadlines in time that processes could have used: while they wait for a processor, the clock stands still.

A machine that has more to do than it has cores would otherwise take an honest submission's seconds from it.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

#: A deadline is put off by so many times what was given at first, and no more: processes that a submission starts may
#: be what it waits for.
MOST = 3.0


@dataclass(frozen=True, slots=True)
class Deadline:
    """A moment after which to give up.

    Attributes:
        at: ``time.monotonic()`` seconds, were nothing lost.
        lost: the seconds that do not count so far; asked only when the time seems over.
        most: how many of those are made good.

    >>> Deadline.after(60.0).left() > 59, Deadline.after(-1.0).left() < 0, Deadline.after(-1.0, lambda: 2.0).left() > 0
    (True, True, False)
    >>> Deadline(time.monotonic() - 1.0, lost=lambda: 2.0, most=3.0).left() > 0
    True
    """

    at: float
    lost: Callable[[], float] | None = None
    most: float = 0.0

    @classmethod
    def after(cls, seconds: float, lost: Callable[[], float] | None = None) -> Deadline:
        """So many seconds from now."""
        return cls(time.monotonic() + seconds, lost, MOST * max(seconds, 0.0))

    def left(self) -> float:
        """Seconds until then; negative when it has passed."""
        left = self.at - time.monotonic()
        if left > 0 or self.lost is None:
            return left
        return left + min(self.lost(), self.most)

    def later(self, seconds: float) -> Deadline:
        """So many seconds later."""
        return replace(self, at=self.at + seconds)

    def at_least(self, seconds: float) -> Deadline:
        """So many seconds after it, or after now if it has passed."""
        return replace(self, at=max(self.at, time.monotonic()) + seconds)


def lost_by(*processes: int) -> Callable[[], float]:
    """Tells how many seconds these processes have lost since this was called: see :func:`waited`.

    Their own first threads' only. A process that has ended has lost nothing.
    """
    before = [waited(process) for process in processes]

    def lost() -> float:
        return sum(max(waited(process) - start, 0.0) for process, start in zip(processes, before, strict=True))

    return lost


def waited(process: int) -> float:
    """Seconds for which a process could have run and did not get a processor; 0.0 where that cannot be known.

    Source: the second number of ``/proc/PID/schedstat``, in nanoseconds; Linux, Documentation/scheduler/sched-stats.

    >>> import os
    >>> 0.0 <= waited(os.getpid()) < 1e6, waited(0)
    (True, 0.0)
    """
    with contextlib.suppress(OSError, ValueError, IndexError):
        return int(Path(f"/proc/{process}/schedstat").read_text().split()[1]) / 1e9
    return 0.0
