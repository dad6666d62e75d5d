"""The engine as its users see it: start it once, give it submissions from any number of threads, get reports."""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import random
import socket
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

from graders.engine import walls
from graders.engine.mechanisms import REMEDIES, Mechanism
from graders.engine.needs import Needs, hints
from graders.engine.outer_root import python_view
from graders.engine.reference import IN_STUDENT_PROCESS, References
from graders.engine.report import ENDED, KILLED, CellReport, Outcome, Report, Submission, summarise
from graders.engine.slot import Slot, fork_slot
from graders.engine.warm_process import packages, start_warm
from torchmagic.errors import TorchmagicError

Isolation = Literal["namespaces", "process"]
_START_SECONDS = 120.0
_LONGEST_AHEAD = 1 << 16
_AT_FAULT = f"the instructor's own solution is refused here too; {IN_STUDENT_PROCESS}"


class WallsMissing(TorchmagicError):
    """This machine lacks what the walls are made of."""

    def __init__(self, mechanism: Mechanism, reason: str) -> None:
        super().__init__(
            f"The grading engine cannot wall off submissions here: no {mechanism.value} ({reason}).",
            hint=f'{REMEDIES[mechanism]} `--isolation process`, or `c.EngineExecute.isolation = "process"` in '
            "nbgrader_config.py, grades without walls, at your risk.",
        )
        self.mechanism = mechanism


class Engine:
    """Two warm parents, and a fork of each for every submission.

    Args:
        isolation: "namespaces" walls each submission off (Linux); "process" only limits time and memory,
            and accepts that a submission can read what the grader can.
        hidden: folders that no submission may see, wherever they lie (the course).
        at_once: how many submissions run at a time; further callers of :meth:`grade` wait for their turn.

    Raises:
        TorchmagicError: the platform cannot wall off a submission and the risk was not accepted.

    Use it as a context manager::

        with Engine(hidden=[course]) as engine:
            report = engine.grade(submission)
    """

    def __init__(self, *, isolation: Isolation = "namespaces", hidden: Iterable[Path] = (), at_once: int = 1) -> None:
        self.isolation = isolation
        self._at_once = at_once
        self._turns = threading.BoundedSemaphore(at_once)
        self._view = python_view(packages(), hidden)
        self._lock = threading.RLock()
        self._serial = itertools.count(os.getpid() % 1000 * 1000)
        self._stack = contextlib.ExitStack()
        self._controls: tuple[socket.socket, socket.socket] | None = None
        self._spare: list[Slot] = []
        self._ready = False
        self._references = References()
        self._cores = dict.fromkeys(sorted(os.sched_getaffinity(0)), 0) if hasattr(os, "sched_getaffinity") else {}
        self._hinted: Counter[str] = Counter()
        self._preloaded: set[tuple[socket.socket, str | tuple[str, str]]] = set()
        self._needs: dict[Needs, bool] = {}

    def __enter__(self) -> Engine:
        self._start()
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def close(self) -> None:
        """End the warm parents and all that they started."""
        self._controls = None
        self._drop_spare()
        self._stack.close()

    def preload(self, needs: Needs, *, at_once: bool = False) -> None:
        """Import modules in the warm parents, so that no submission pays for it; missing ones do no harm.

        Args:
            at_once: before any submission that comes later, which is right where many will; else beside the first.
        """
        with self._lock:
            if self._controls is not None:
                self._needs[needs] = at_once
                self._send_needs(needs, *self._controls, at_once=at_once)

    def _send_needs(self, needs: Needs, students: socket.socket, judges: socket.socket, *, at_once: bool) -> None:
        wanted: list[tuple[socket.socket, str, str | tuple[str, str]]]
        wanted = [(control, "first", name) for control in (students, judges) for name in needs.first]
        import_ = "first" if at_once else "import"
        wanted += [(students, import_, name) for name in needs.students]
        wanted += [(judges, import_, name) for name in needs.judges]
        wanted += [(judges, "read", text) for text in needs.texts]
        wanted += [(judges, "compile", test) for test in needs.tests]
        for control, what, item in wanted:
            message = json.dumps({"preload": [what, item]}).encode()
            if (control, item) not in self._preloaded and len(message) < _LONGEST_AHEAD:
                self._preloaded.add((control, item))
                if what == "first":  # what was forked ahead lacks it
                    self._drop_spare()
                with contextlib.suppress(OSError):
                    control.send(message)

    def wait_until_ready(self) -> None:
        """Wait for the warm parents; TorchmagicError where submissions cannot be walled off."""
        with self._lock:
            self._await_ready()
        self._fork_ahead()

    def _preload_hinted(self, submission: Submission) -> None:
        """Import what a second submission hints at, for those that follow: for a single one it would not pay."""
        sources = "\n".join(cell.source for cell in submission.cells if cell.role == "student")
        with self._lock:
            self._hinted.update(hints(sources))
            wanted = tuple(name for name, count in self._hinted.items() if count == 2)
            self.preload(Needs(students=wanted))

    def grade(self, submission: Submission) -> Report:
        """Run and judge one submission; never raises for anything that the submission does."""
        self._preload_hinted(submission)
        with (
            tempfile.TemporaryDirectory(prefix="torchmagic-judge-", ignore_cleanup_errors=True) as scratch,
            self._turns,
        ):
            walls.lay_out(submission.files, f"{scratch}/judge")
            walls.lay_out(submission.modules, f"{scratch}/modules")
            with self._take() as slot, self._core() as core:
                start = time.monotonic()
                cells, why = slot.collect(submission, scratch, core)
            seconds = time.monotonic() - start
            self._fork_ahead()
        cells = self._blame_tests(submission, cells)
        done = {cell.key for cell in cells}
        missing = any(cell.role != "ignored" and cell.key not in done for cell in submission.cells)
        for cell in submission.cells:
            if cell.role != "ignored" and cell.key not in done:
                zero = 0.0 if cell.role == "test" and why[0] is not Outcome.GRADER_ERROR else None
                cells.append(CellReport(cell.key, why[0], score=zero, message=why[1]))
        outcome, message = summarise(tuple(cells), attempted=submission.attempted)
        doubtful = any(cell.outcome is Outcome.CRASHED and cell.message in (KILLED, ENDED) for cell in cells)
        lasting = not doubtful and not (missing and why[0] is Outcome.GRADER_ERROR)
        return Report(tuple(cells), outcome, seconds, message, lasting)

    def _blame_tests(self, submission: Submission, cells: list[CellReport]) -> list[CellReport]:
        """A test is at fault for what it asks of objects where the instructor's solution cannot answer it either."""
        refused = {cell.key for cell in cells if cell.refused and cell.outcome is not Outcome.PASSED}
        if not refused or not submission.template or submission.cells is submission.template:
            return cells
        names = {cell.key: cell.name for cell in submission.cells}
        at_fault = self._references.refused(submission, self.grade)
        return [
            replace(cell, outcome=Outcome.GRADER_ERROR, score=None, message=f"{cell.message} ({_AT_FAULT})")
            if cell.key in refused and names[cell.key] in at_fault
            else cell
            for cell in cells
        ]

    def _start(self) -> None:
        self._controls = start_warm(self._stack, self.isolation, self._view)

    def _await_ready(self) -> None:
        if not self._ready and self._controls is not None:
            for sock in self._controls:
                self._await_one(sock)
            self._ready = True

    def _await_one(self, sock: socket.socket) -> None:
        sock.settimeout(_START_SECONDS)
        try:
            answer: dict[str, Any] = json.loads(sock.recv(1 << 16) or b'{"error": "its warm process ended"}')
        except (TimeoutError, OSError) as error:
            answer = {"error": str(error)}
        sock.settimeout(None)
        if "mechanism" in answer:
            self.close()
            raise WallsMissing(Mechanism(answer["mechanism"]), answer["error"])
        if "error" in answer:
            self.close()
            raise TorchmagicError(f"The grading engine did not start ({answer['error']}).", hint="See what it printed.")

    def _take(self) -> Slot:
        """A slot that was forked ahead, or a fresh one."""
        if self._controls is None:
            raise TorchmagicError(
                "The grading engine is not running.", hint="Use it in a `with Engine() as engine:` block."
            )
        with self._lock:
            if self._ready and not all(map(_is_alive, self._controls)):
                self._start_again()
            self._await_ready()
            return self._spare.pop(0) if self._spare else self._fork()

    def _start_again(self) -> None:
        """New warm parents, for those that something has ended: what was under way counts as not graded."""
        self._drop_spare()
        self._stack.close()
        self._ready = False
        self._preloaded.clear()
        self._start()
        for needs, at_once in [*self._needs.items()]:
            self.preload(needs, at_once=at_once)

    @contextlib.contextmanager
    def _core(self) -> Iterator[int | None]:
        """A core for a submission's code, or else processes that it starts would take them all from the others."""
        if self._at_once == 1 or not hasattr(os, "sched_getaffinity"):
            yield None
            return
        with self._lock:
            # of those that are free any: another grader on this machine chooses, too
            core = min(self._cores, key=lambda core: (self._cores[core], random.random()))
            self._cores[core] += 1
        try:
            yield core
        finally:
            with self._lock:
                self._cores[core] -= 1

    def _fork_ahead(self) -> None:
        """Have slots wait for the next submissions: a fork takes as long as a short cell does."""
        with self._lock, contextlib.suppress(TorchmagicError):
            while self._controls is not None and len(self._spare) <= self._at_once:
                self._spare.append(self._fork())

    def _drop_spare(self) -> None:
        """End the slots that wait."""
        while self._spare:
            self._spare.pop().__exit__()

    def _fork(self) -> Slot:
        assert self._controls is not None
        return fork_slot(*self._controls, next(self._serial))


def _is_alive(control: socket.socket) -> bool:
    """Whether a warm parent still holds the other end."""
    try:
        return bool(control.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT))
    except BlockingIOError:
        return True
    except OSError:
        return False
