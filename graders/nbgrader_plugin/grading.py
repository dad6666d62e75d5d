"""Grade a class: what is stored is not run again, what is run is stored at once, and one writer fills the gradebook."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait

from graders.engine.report import Outcome
from graders.executing import Executor, SubmissionLost
from graders.graded import Graded, GradedNotebook
from graders.nbgrader_plugin.disk import writing
from graders.nbgrader_plugin.finishing import Finisher, Result
from graders.nbgrader_plugin.reading import Read, Reader
from graders.nbgrader_plugin.rows import SubmissionRow
from graders.store import Store
from torchmagic.errors import TorchmagicError

#: Submissions that are finished together: a transaction costs more than a row.
BATCH = 25
#: Seconds that a result waits at the most for others to be finished with it.
_PATIENCE = 0.5
#: How many are read before it is looked again at what is done.
_LOOKS = 50


class ClassRun:
    """One run over one assignment.

    Args:
        reader: reads its submissions.
        executor: grades them.
        store: results that are there already, and where new ones go.
        finisher: writes what belongs to them.
    """

    def __init__(self, reader: Reader, executor: Executor, store: Store, finisher: Finisher) -> None:
        self._reader = reader
        self._executor = executor
        self._store = store
        self._finisher = finisher
        self._waiting: dict[Future[Graded], list[Read]] = {}
        self._by_key: dict[str, Future[Graded]] = {}
        self._tried: set[str] = set()
        self._ready: list[Result] = []
        self._since = 0.0

    def rows(self, students: Sequence[str]) -> Iterator[SubmissionRow]:
        """Grade these students' submissions; a row for each as soon as it is in the gradebook.

        Raises:
            TorchmagicError: nothing can be graded or written here. What was finished is kept, and so are the results of
                what was run.
        """
        todo = iter(students)
        more = True
        try:
            while more or self._waiting or self._ready:
                for _ in range(_LOOKS):
                    if self._is_full():
                        break
                    student = next(todo, None)
                    if student is None:
                        more = False
                        break
                    row = self._begin(student)
                    if row is not None:
                        yield row
                if self._is_time(more):
                    ready, self._ready = self._ready, []
                    yield from self._finisher.finish(ready)
                self._take_results(0 if more and not self._is_full() else self._patience())
        except BaseException:
            self._save_what_is_done()
            raise

    def _begin(self, student: str) -> SubmissionRow | None:
        """Read one submission and have it graded, where that has not been done before; gives its row if it has one."""
        read = self._reader.read(student)
        if isinstance(read, SubmissionRow):
            return read
        stored = None if self._reader.fresh else self._store.get(read.key)
        if stored is not None:
            self._add(Result(read, stored, ran=False))
        elif read.key in self._by_key:  # the same bytes, from another student
            self._waiting[self._by_key[read.key]].append(read)
        else:
            self._submit([read])
        return None

    def _submit(self, reads: list[Read]) -> None:
        """Have what these have handed in, which is the same, graded."""
        future = self._executor.submit(self._reader.package, reads[0].handed, reads[0].key)
        self._by_key[reads[0].key] = future
        self._waiting[future] = reads

    def _is_full(self) -> bool:
        return len(self._waiting) >= self._executor.room or len(self._ready) >= BATCH

    def _is_time(self, more: bool) -> bool:
        """Whether what is ready should be finished now."""
        over = time.monotonic() - self._since > _PATIENCE
        return bool(self._ready) and (len(self._ready) >= BATCH or over or not (self._waiting or more))

    def _patience(self) -> float | None:
        """Seconds to wait for a result at the most; None for as long as it takes."""
        return max(0.0, self._since + _PATIENCE - time.monotonic()) if self._ready else None

    def _take_results(self, patience: float | None) -> None:
        if not self._waiting:
            return
        done, _ = wait(self._waiting, timeout=patience, return_when=FIRST_COMPLETED)
        for future in done:
            graded = _result(future, self._waiting[future][0])  # still among those that wait if it raises
            reads = self._waiting.pop(future)
            key = reads[0].key
            del self._by_key[key]
            if not (graded.lasting or future.exception() or key in self._tried):  # the machine's fault, as it seems
                self._tried.add(key)
                self._submit(reads)
                continue
            self._keep(key, graded)
            for read in reads:
                self._add(Result(read, graded, ran=True))

    def _keep(self, key: str, graded: Graded) -> None:
        if graded.lasting:
            with writing(self._store.folder, "What was finished before is kept"):
                self._store.put(key, graded)

    def _add(self, result: Result) -> None:
        if not self._ready:
            self._since = time.monotonic()
        self._ready.append(result)

    def _save_what_is_done(self) -> None:
        """Keep what has been run, as far as that is possible: the run ends for another reason, and that one is told."""
        for future, reads in self._waiting.items():
            if not future.cancel() and future.done() and future.exception() is None:
                with contextlib.suppress(TorchmagicError):
                    self._keep(reads[0].key, future.result())
        if self._ready:
            with contextlib.suppress(TorchmagicError):
                self._finisher.finish(self._ready)


def _result(future: Future[Graded], read: Read) -> Graded:
    """What became of a submission; one that ends whatever grades it is nobody else's trouble."""
    try:
        return future.result()
    except SubmissionLost as error:
        names = read.handed.notebooks
        why = f"not graded: {error}"
        lost = (GradedNotebook(name, "", Outcome.GRADER_ERROR.value, why, 0.0) for name in names)
        return Graded(tuple(lost), lasting=False)
