"""Grade on a Dask cluster: each submission is one task of Dask's own, which it tries again where a worker dies."""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import pickle
import time
import uuid
from collections.abc import Callable, Coroutine
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any, TypeVar

from distributed import KilledWorker
from distributed.client import FutureCancelledError

from graders.executing import SubmissionLost, WorkerFactory
from graders.executing.connecting import connect
from graders.executing.dask_worker import Given, UnfitWorker, let_go
from graders.executing.likeness import likeness
from graders.executing.roster import Roster
from torchmagic.errors import TorchmagicError

if TYPE_CHECKING:
    from graders.graded import Graded
    from graders.nbgrader_plugin.package import Handed, Package

T = TypeVar("T")

#: How many submissions the scheduler knows of at a time, at the least.
_AHEAD = 512
_LOOK_SECONDS = 1.0
_ATTEMPTS = 100
_CONNECTION = "scheduler-connection-lost"  # Dask's own word
#: The task, in words that every scheduler and worker can read: a worker that cannot even decode a task ends, and takes
#: the blame to the task.
_TASK = "__import__('graders.executing.dask_worker', fromlist=['*']).grade_on_worker(name, given, handed)"
_GO_ON = "Run the same command again: what was finished is kept."


class ClusterExecutor:
    """An :class:`graders.executing.Executor` over the workers of a Dask cluster.

    Args:
        spec: which cluster, as :func:`graders.executing.connecting.connect` takes it.
        factory: makes the grading worker in each Dask worker; gets as many submissions at a time as that has threads.
        jobs: at most so many submissions at a time; None for as many as the cluster's workers take.
        notice: called with what the user should know, as long as it goes on; from another thread.
        timeout: seconds to try to reach the scheduler.
        patience: seconds without any worker before that is told.
        idle_seconds: after so long without a submission a worker's warm processes end, until the next one.

    Raises:
        TorchmagicError: no such cluster, or none of its workers can grade as this machine does.
    """

    def __init__(
        self,
        spec: str,
        factory: WorkerFactory,
        jobs: int | None = None,
        *,
        notice: Callable[[str], None] = lambda text: None,
        timeout: float = 15.0,
        patience: float = 15.0,
        idle_seconds: float = 600.0,
    ) -> None:
        self._factory, self._jobs, self._notice, self._patience = factory, jobs, notice, patience
        self._idle_seconds = idle_seconds
        self._run = uuid.uuid4().hex[:12]
        self._given: dict[str, Any] = {}
        self._gone: TorchmagicError | None = None
        self._closed = False
        self._pending: set[Future[Graded]] = set()
        self._running: set[asyncio.Task[Any] | None] = set()
        self._turns = _Turns(self._ahead)
        self._alone = asyncio.Lock()
        self._stack = contextlib.ExitStack()
        try:
            self._client: Any = connect(spec, self._stack, timeout=timeout)
            self._where = self._client.scheduler.address
            self._loop = self._client.loop.asyncio_loop
            self._roster = Roster(self._client, notice)
            self._in_loop(self._roster.look_over()).result()
            self._roster.demand_fit()
        except BaseException:
            self._stack.close()
            raise
        self._watch = self._in_loop(self._watch_workers())

    @property
    def width(self) -> int:
        """How many submissions the cluster's workers take at a time, now."""
        threads = sum(self._roster.fit.values())
        return threads if self._jobs is None else min(threads, self._jobs)

    @property
    def room(self) -> int:
        """How many submissions to have with it: a cluster that grows with its work has to see that work."""
        return max(_AHEAD, 3 * self.width)

    def prepare(self, package: Package) -> None:
        """Nothing: each worker gets ready for an assignment with the first task of it."""

    def submit(self, package: Package, handed: Handed, key: str) -> Future[Graded]:
        """Have one submission graded."""
        if self._closed:
            raise RuntimeError("cannot submit to an executor that is closed")
        future = self._in_loop(self._grade(package, handed, key))
        self._pending.add(future)
        future.add_done_callback(self._pending.discard)
        return future

    def close(self, *, cancel: bool = False) -> None:
        """Wait for what was submitted, or cancel it; end what this run has on the workers, and a cluster of its own."""
        if self._closed:
            return
        self._closed = True
        pending = list(self._pending)
        if cancel:
            for future in pending:
                future.cancel()
        concurrent.futures.wait(pending)
        self._watch.cancel()
        with contextlib.suppress(concurrent.futures.TimeoutError, OSError):
            self._in_loop(self._let_go()).result(10)
        self._stack.close()

    def describe(self) -> str:
        """As in "Dask at tcp://10.0.0.1:8786, 3 workers, 6 jobs"."""
        count = len(self._roster.fit)
        return f"Dask at {self._where}, {count} worker{'s' if count != 1 else ''}, {self.width} jobs"

    # ---- on the client's event loop

    async def _grade(self, package: Package, handed: Handed, key: str) -> Graded:
        """One submission, until there is a result or none can be had."""
        this = asyncio.current_task()
        self._running.add(this)
        try:
            return await self._until_done(package, pickle.dumps(handed), key)
        finally:
            self._running.discard(this)

    async def _until_done(self, package: Package, content: bytes, key: str) -> Graded:
        async with self._turns:
            try:
                return await self._attempt(package, content, key)
            except KilledWorker as error:
                deaths = error.allowed_failures + 1
        # Dask blames all that a worker had in hand when it died. Those that it gave up go again, one at a time: then
        # what dies with its worker once more is to blame itself
        async with self._alone, self._turns:
            try:
                return await self._attempt(package, content, f"{key} alone")
            except KilledWorker as error:
                deaths += error.allowed_failures + 1
                raise SubmissionLost(
                    f"its worker was lost {deaths} times while grading it",
                    hint="What the workers print says why; for memory, give them more or set "
                    "`EngineExecute.memory_mib` lower.",
                ) from error

    async def _attempt(self, package: Package, content: bytes, key: str) -> Graded:
        """One submission, on workers that can grade."""
        attempt = -1
        while True:
            attempt += 1
            if self._gone is not None or self._client.status != "running":
                raise self._lost(_CONNECTION)
            task = self._client.submit(
                eval,
                _TASK,
                {"name": self._name(package), "given": self._delivered(package), "handed": content},
                key=(f"torchmagic-grade-{self._run}", f"{key} {attempt}" if attempt else key),
                workers=sorted(self._roster.fit) or None if self._roster.is_mixed else None,
                allow_other_workers=self._roster.is_mixed,  # where these go away; what others refuse comes back
                pure=False,
            )
            try:
                return await task  # type: ignore[no-any-return]
            except UnfitWorker as error:
                self._roster.refuse(error)
                await self._wait_for_fit()
            except FutureCancelledError as error:
                raise self._lost(error.reason) from error
            except OSError:
                if task.status == "error":  # of the task's own
                    raise
                await asyncio.sleep(_LOOK_SECONDS)  # the connection broke; Dask finds out whether for good
            except (ImportError, AttributeError):
                await self._roster.look_over()
                if not self._roster.is_mixed or attempt == _ATTEMPTS:  # else from a worker that lacks our code
                    raise
                await self._wait_for_fit()
            finally:
                task.release()

    async def _wait_for_fit(self) -> None:
        """Wait for a worker that can grade, for as long as one may come back."""
        self._roster.demand_fit()
        while not self._roster.fit and self._gone is None:
            await asyncio.sleep(_LOOK_SECONDS)

    def _delivered(self, package: Package) -> Any:
        """What every worker needs of a package, as the result of a task: Dask brings it to each worker once, from one
        to the other, and makes it again where all that had it are gone."""
        given = self._given.get(package.digest)
        if given is None or given.status in ("error", "cancelled"):  # it was in the hands of workers that died
            content = pickle.dumps(Given(self._factory, package, likeness(), self._idle_seconds))
            key = f"{self._name(package)}-given-{uuid.uuid4().hex[:6]}"
            given = self._given[package.digest] = self._client.submit(bytes, content, key=key)
        return given

    def _name(self, package: Package) -> str:
        return f"torchmagic-{self._run}-{package.digest[:12]}"

    def _ahead(self) -> int:
        """How many submissions to hand to the scheduler: it gives all that is bound to certain workers out at once."""
        fit = self._roster.fit
        most = sum(fit.values()) + len(fit) if self._roster.is_mixed else self.room
        return max(1, most if self._jobs is None else min(most, self._jobs))

    def _lost(self, reason: str) -> TorchmagicError:
        """The end of the run, for everything that waits."""
        if self._gone is None:
            what = "is gone" if reason == _CONNECTION else f"has dropped the work ({reason})"
            self._gone = TorchmagicError(f"The Dask scheduler at {self._where} {what}.", hint=_GO_ON)
        return self._gone

    async def _watch_workers(self) -> None:
        """Know how many workers there are; say so when there is none for long."""
        since = time.monotonic()
        told = False
        while True:
            await asyncio.sleep(_LOOK_SECONDS)
            with contextlib.suppress(OSError):  # what waits is told by Dask itself
                await self._roster.look_over()
            await self._turns.look()
            if self._roster.fit:
                since, told = time.monotonic(), False
            elif self._pending and not told and time.monotonic() - since > self._patience:
                told = True
                self._notice(
                    f"The cluster at {self._where} has no workers yet: waiting. "
                    f"Start some with `dask worker {self._where}`, or see what your batch system says."
                )

    async def _let_go(self) -> None:
        await asyncio.gather(*filter(None, self._running), return_exceptions=True)
        if self._gone is not None:
            return
        for digest in self._given:
            name = f"torchmagic-{self._run}-{digest[:12]}"
            await self._client.run(let_go, name, workers=list(self._roster.fit), on_error="ignore")

    def _in_loop(self, coroutine: Coroutine[Any, Any, T]) -> Future[T]:
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop)


class _Turns:
    """Lets so many in at a time as ``limit`` says, which may change; the others in their order."""

    def __init__(self, limit: Callable[[], int]) -> None:
        self._limit = limit
        self._busy = 0
        self._changed = asyncio.Condition()

    async def __aenter__(self) -> None:
        async with self._changed:
            await self._changed.wait_for(lambda: self._busy < self._limit())
            self._busy += 1

    async def __aexit__(self, *exception: object) -> None:
        async with self._changed:
            self._busy -= 1
            self._changed.notify()

    async def look(self) -> None:
        """The limit may have changed."""
        async with self._changed:
            self._changed.notify_all()
