"""Grade on this machine: threads of this process over one warm worker."""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING

from graders.executing import WorkerFactory

if TYPE_CHECKING:
    from graders.graded import Graded
    from graders.nbgrader_plugin.package import Handed, Package

#: Submissions that wait, for each job.
_AHEAD = 2


class LocalExecutor:
    """An :class:`graders.executing.Executor` over the cores of this machine.

    Args:
        factory: makes the worker. It is made in the thread that makes this object, which has to outlive it: the
            worker's processes end with the thread that started them.
        jobs: submissions at a time.
    """

    def __init__(self, factory: WorkerFactory, jobs: int) -> None:
        self.width = jobs
        self.room = jobs * (1 + _AHEAD)
        self._worker = factory(at_once=jobs)
        # one more, which reads or writes a notebook while the others' run
        self._threads = ThreadPoolExecutor(max_workers=jobs + 1, thread_name_prefix="torchmagic-grade")

    def prepare(self, package: Package) -> None:
        """Import what the assignment needs, before any submission runs that would have to wait for it."""
        self._worker.prepare(package)

    def submit(self, package: Package, handed: Handed, key: str) -> Future[Graded]:
        """Have one submission graded."""
        return self._threads.submit(self._worker.grade, package, handed)

    def wait_until_ready(self) -> None:
        """Wait for the worker; TorchmagicError where submissions cannot be walled off."""
        self._worker.wait_until_ready()

    def close(self, *, cancel: bool = False) -> None:
        """Wait for what was submitted, or cancel it, and end the worker."""
        self._threads.shutdown(wait=not cancel, cancel_futures=cancel)
        self._worker.close()  # and with it, what still runs
        self._threads.shutdown()

    def describe(self) -> str:
        """As in "2 jobs here"."""
        return f"{self.width} job{'s' if self.width != 1 else ''} here"
