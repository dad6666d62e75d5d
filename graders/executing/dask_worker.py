"""What runs inside a Dask worker: one warm grading worker for each run, and the task that uses it."""

from __future__ import annotations

import asyncio
import contextlib
import pickle
import socket
import threading
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import distributed
from distributed.diagnostics.plugin import WorkerPlugin

from graders.executing import GradingWorker, WorkerFactory
from graders.executing.likeness import decisive_differences, likeness
from torchmagic.errors import TorchmagicError

if TYPE_CHECKING:
    from graders.graded import Graded
    from graders.nbgrader_plugin.package import Handed, Package


@dataclass(frozen=True)
class Given:
    """What every worker of a run gets once.

    Attributes:
        likeness: the client's, see :func:`graders.executing.likeness.likeness`.
        idle_seconds: after so long without a submission the warm processes end, until the next one: a client that
            was killed leaves nothing behind.
    """

    factory: WorkerFactory
    package: Package
    likeness: Mapping[str, str]
    idle_seconds: float = 600.0


class UnfitWorker(Exception):
    """This Dask worker cannot grade, whatever the submission: others can.

    Args:
        address: the worker's.
        reason, hint: what is wrong, and what to do.
    """

    def __init__(self, address: str, reason: str, hint: str) -> None:
        super().__init__(address, reason, hint)
        self.address, self.reason, self.hint = address, reason, hint


def grade_on_worker(name: str, given: bytes, handed: bytes) -> Graded:
    """The task: grade one submission in the Dask worker that this is called in.

    Args:
        name: of the run.
        given: a pickled :class:`Given`; opaque to Dask, so that every worker can pass it on.
        handed: a pickled :class:`graders.nbgrader_plugin.package.Handed`.

    Raises:
        UnfitWorker: this worker cannot grade.
    """
    worker: Any = distributed.get_worker()
    warm = worker.plugins.get(name)
    if warm is None:
        # on the worker's event loop, where two tasks cannot both do it
        warm = asyncio.run_coroutine_threadsafe(_plugged(worker, name, given), worker.loop.asyncio_loop).result()
    assert isinstance(warm, WarmWorker)
    return warm.grade(pickle.loads(handed))


async def let_go(name: str, dask_worker: Any = None) -> None:
    """End what a run has warm in a Dask worker; for ``Client.run``."""
    if name in dask_worker.plugins:
        await dask_worker.plugin_remove(name=name)


async def _plugged(worker: Any, name: str, given: bytes) -> WorkerPlugin:
    """The run's plugin; plugged in here rather than by the scheduler, which would have every worker of a shared cluster
    take it, and would stop those that cannot read it."""
    if name not in worker.plugins:
        await worker.plugin_add(plugin=WarmWorker(given), name=name)
    plugin: WorkerPlugin = worker.plugins[name]
    return plugin


#: How long a worker's event loop may take from one line to the next.
_SET_UP_SECONDS = 60.0


class WarmWorker(WorkerPlugin):
    """Keeps one grading worker in a Dask worker, for as long as that lives and is not idle for long.

    The warm processes are started by a thread of their own that lives as long as they do, because they end with the
    thread that started them. They end too when the Dask worker is killed.
    """

    def __init__(self, given: bytes) -> None:
        self._pickled = given
        self._set_up = threading.Event()
        self._lock = threading.Lock()
        self._given: Given | None = None
        self._worker: GradingWorker | None = None
        self._over = False
        self._busy = 0
        self._last = time.monotonic()

    def setup(self, worker: Any) -> None:
        """Called by Dask, on the event loop."""
        self._address = worker.address
        self._at_once = worker.state.nthreads
        self._keeper = ThreadPoolExecutor(max_workers=1, thread_name_prefix="torchmagic-keeper")
        self._resting = asyncio.get_running_loop().create_task(self._rest_when_idle())
        self._set_up.set()

    async def teardown(self, worker: Any) -> None:
        """Called by Dask when the worker closes or the run is over."""
        self._resting.cancel()
        self._over = True
        await asyncio.get_running_loop().run_in_executor(self._keeper, self._stop)
        self._keeper.shutdown(wait=False)

    def grade(self, handed: Handed) -> Graded:
        """Grade one submission; starts what is not warm yet."""
        self._set_up.wait(_SET_UP_SECONDS)  # Dask lists a plugin before it sets it up
        with self._lock:
            self._busy += 1
        try:
            for _ in range(2):
                worker, package = self._ready()
                try:
                    return worker.grade(package, handed)
                except TorchmagicError as error:  # its processes may be gone: once more, with new ones
                    why = error
                    self._keeper.submit(self._stop, worker).result()
            raise self._unfit(why.message, why.hint) from why
        finally:
            with self._lock:
                self._busy -= 1
                self._last = time.monotonic()

    def _ready(self) -> tuple[GradingWorker, Package]:
        worker, given = self._worker, self._given
        if worker is None or given is None:
            return self._keeper.submit(self._started).result()
        return worker, given.package

    def _started(self) -> tuple[GradingWorker, Package]:
        """The worker, started where there is none; in the keeper's thread."""
        if self._over:
            raise RuntimeError("this run is over")
        if self._given is None:
            given: Given = pickle.loads(self._pickled)
            told = decisive_differences(given.likeness, likeness())
            if told:
                raise self._unfit(f"it has {', '.join(told)}", SAME_ENVIRONMENT)
            self._given, self._pickled = given, b""
        if self._worker is None:
            worker = self._given.factory(at_once=self._at_once)
            try:
                worker.prepare(self._given.package)
                worker.wait_until_ready()
            except TorchmagicError as error:
                worker.close()
                raise self._unfit(error.message, error.hint) from error
            self._worker = worker
        return self._worker, self._given.package

    def _stop(self, worker: GradingWorker | None = None) -> None:
        """End the worker, or only if it is still this one; in the keeper's thread."""
        if self._worker is not None and worker in (None, self._worker):
            self._worker.close()
            self._worker = None

    async def _rest_when_idle(self) -> None:
        while True:
            seconds = self._given.idle_seconds if self._given else 1.0
            await asyncio.sleep(min(seconds / 4, 15.0))
            if not self._busy and time.monotonic() - self._last > seconds:
                await asyncio.get_running_loop().run_in_executor(self._keeper, self._stop_if_idle)

    def _stop_if_idle(self) -> None:
        with self._lock:
            idle = not self._busy
        if idle:
            self._stop()

    def _unfit(self, reason: str, hint: str) -> UnfitWorker:
        with contextlib.suppress(OSError):
            reason = f"on {socket.gethostname()}: {reason}"
        return UnfitWorker(self._address, reason, hint)


SAME_ENVIRONMENT = (
    "Start workers in the environment that you grade from, or in one made from the same lock file or image."
)
