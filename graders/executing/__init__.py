"""Where submissions are graded: on this machine or on a Dask cluster, behind one interface.

A task is pure: a package and what a student handed in go in, a :class:`graders.graded.Graded` comes out. So it can be
tried again on another machine, and its result is taken once: by the future that was given for it.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from typing import TYPE_CHECKING, Protocol

from torchmagic.errors import TorchmagicError

if TYPE_CHECKING:
    from graders.graded import Graded
    from graders.nbgrader_plugin.package import Handed, Package

SCHEDULER_HELP = (
    "Grade on a Dask cluster: the address of its scheduler (tcp://host:8786), its scheduler file (scheduler.json), "
    "or a file that says which cluster to start (cluster.yml). See docs/howto/cluster.md."
)


class GradingWorker(Protocol):
    """What grades in one process: :class:`graders.nbgrader_plugin.worker.Worker`."""

    def prepare(self, package: Package) -> None:
        """Get ready for an assignment."""

    def wait_until_ready(self) -> None:
        """Wait until submissions can be graded; TorchmagicError where they cannot be walled off."""

    def grade(self, package: Package, handed: Handed) -> Graded:
        """Grade one submission; from any number of threads."""

    def close(self) -> None:
        """End all that was started."""


class WorkerFactory(Protocol):
    """Makes a worker, as ``functools.partial(Worker, hidden=[course])`` does; picklable where it goes to a cluster."""

    def __call__(self, *, at_once: int) -> GradingWorker:
        """A worker that will get so many submissions at a time."""


class Executor(Protocol):
    """Works on submissions, several at a time."""

    @property
    def width(self) -> int:
        """How many submissions it works on at a time, now; on a cluster that changes, and may be 0."""

    @property
    def room(self) -> int:
        """How many submissions to have with it, waiting ones among them, so that it never runs out of work."""

    def prepare(self, package: Package) -> None:
        """Get ready for an assignment whose submissions will come, where that can be done ahead."""

    def submit(self, package: Package, handed: Handed, key: str) -> Future[Graded]:
        """Have one submission graded.

        Args:
            key: a name for the task, for logs; no two that are submitted have the same.

        Returns:
            a future; it can be cancelled while it waits. Its exception is :class:`SubmissionLost` where grading this
            one submission cannot be finished, and another TorchmagicError where nothing more can be graded.
        """

    def close(self, *, cancel: bool = False) -> None:
        """Wait for what was submitted, or ``cancel`` it, and let go of everything."""

    def describe(self) -> str:
        """Where the work is done, in a few words: "2 jobs here"."""


def open_executor(
    factory: WorkerFactory,
    jobs: int | None,
    scheduler: str | None = None,
    *,
    notice: Callable[[str], None] = lambda text: None,
) -> Executor:
    """Where to grade: on this machine, or on the Dask cluster that ``scheduler`` names.

    Args:
        factory: makes what grades; picklable where there is a scheduler.
        jobs: submissions at a time; None, with a scheduler, for as many as the cluster's workers have threads.
        scheduler: an address, a scheduler file, a cluster file or a cluster's class, see docs/howto/cluster.md.
        notice: called with what the user should know of the cluster; from another thread.

    Raises:
        TorchmagicError: no such cluster, or none of its workers can grade as this machine does.
    """
    if scheduler is None:
        from graders.executing.local import LocalExecutor

        return LocalExecutor(factory, jobs or 1)
    try:
        from graders.executing.cluster import ClusterExecutor
    except ImportError as error:
        raise TorchmagicError(
            f"Grading on a cluster needs Dask ({error}).", hint="Install it with `pip install 'torchmagic[cluster]'`."
        ) from error
    return ClusterExecutor(scheduler, factory, jobs, notice=notice)


class SubmissionLost(TorchmagicError):
    """One submission ended the process that graded it, again and again; the others are not concerned."""
