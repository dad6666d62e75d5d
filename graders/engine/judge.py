"""Judge one submission: the student's cells run over there, the test cells here, one report a cell."""

from __future__ import annotations

import contextlib
import json
import select
import signal
import socket
import sys
import time
import types
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from graders.engine.arena import Arena
from graders.engine.beside import helpers_for, report_of
from graders.engine.deadline import Deadline, lost_by
from graders.engine.given import names_bound, read_given
from graders.engine.namespace import JudgeNamespace
from graders.engine.outputs import clean_outputs
from graders.engine.random_state import Generators, declared_seeds
from graders.engine.remote import NoSuchName, Student
from graders.engine.report import ENDED, KILLED, Cell, CellReport, Outcome, Submission
from graders.engine.testcell import run_test_cell
from graders.engine.watch import INTERRUPTED
from graders.engine.wire import TO_FINISH, WireClosed, WireError, WireTimeout

#: How long a student's process may take to get ready for its first cell.
_START_SECONDS = 60.0
_GRACE = 2.0
#: All outputs of a submission together, in outputs of one cell at their limit.
_OUTPUTS = 4


class _MainModule(types.ModuleType):
    """``__main__`` for test cells, so that unittest and its like find what the cells define."""

    def __init__(self, namespace: JudgeNamespace) -> None:
        super().__init__("__main__")
        self._namespace = namespace

    def __getattr__(self, name: str) -> Any:
        try:
            return self._namespace[name]
        except KeyError:
            raise AttributeError(name) from None

    def __dir__(self) -> list[str]:
        return list(self._namespace)


def _generators(submission: Submission) -> Generators:
    """The judge's generators, with the seeds that the instructor's own cells set, the solution's among them."""
    cells = submission.template or [cell for cell in submission.cells if cell.role in ("provided", "test")]
    cells = [cell for cell in cells if cell.role != "ignored"]
    seeds = frozenset(seed for cell in cells for seed in declared_seeds(cell.source))
    return Generators(strict=True, seeds=seeds, text="\n".join(cell.source for cell in cells))


def _print(stream: str, text: str) -> None:
    (sys.stderr if stream == "stderr" else sys.stdout).write(text)


class Judge:
    """Walks through one submission's cells.

    Args:
        wire: the connection to the student's process.
        watch: the connection to the process that watches it: takes an interrupt, tells how it ended.
        emit: called with each cell's report as soon as there is one.
        arena: memory shared with the student's process, for large tensors.
        lost: begins to count the seconds that do not count, as :func:`graders.engine.deadline.lost_by` does.
    """

    def __init__(
        self,
        submission: Submission,
        wire: socket.socket,
        watch: socket.socket,
        emit: Callable[[CellReport], None],
        arena: Arena | None = None,
        lost: Callable[[], Callable[[], float]] = lost_by,
    ) -> None:
        self.submission = submission
        self.limits = submission.limits
        self.watch = watch
        self.emit = emit
        self.given = read_given(submission.template, submission.cells)
        self.student = Student(wire, generators=_generators(submission), arena=arena)
        self.namespace = JudgeNamespace(self.given, self._fetch)
        self.ended: CellReport | None = None
        self.room = _OUTPUTS * submission.limits.output_bytes
        self.lost = lost
        self.end = Deadline.after(self.limits.total_seconds)
        self.student.on_print = _print
        self.student.before_request = self._before_request
        self.student.on_rebound = self.namespace.forget_names

    def run(self) -> None:
        """Judge every cell, in the notebook's order."""
        sys.modules["__main__"] = _MainModule(self.namespace)
        self._wait_for_student()
        self.end = Deadline.after(self.limits.total_seconds, self.lost())
        for cell in self.submission.cells:
            if cell.role == "ignored":
                continue
            self.emit(self._test(cell) if cell.role == "test" else self._student_cell(cell))

    def _wait_for_student(self) -> None:
        """Nobody's time begins before the student's process is there, walled off and with what it has to import."""
        self.student.deadline = Deadline.after(_START_SECONDS)
        with contextlib.suppress(WireClosed):  # the first cell's report says how it ended
            self.student.meet()

    def _before_request(self) -> None:
        self._bind()
        self.namespace.forget_copies()

    def _bind(self) -> None:
        """Let the student's functions see what the test has made of the student's own names."""
        self.student.bind(*self.namespace.take_bindings())

    def _student_cell(self, cell: Cell) -> CellReport:
        if self.ended is not None:
            return CellReport(cell.key, self.ended.outcome, message=self.ended.message)
        start = time.monotonic()
        self.student.deadline = self._deadline()
        try:
            self._bind()
            result = self.student.run(cell.source)
        except WireError as error:
            return self._stopped(cell, error, start)
        self.namespace.forget_fetched()
        self.namespace.release(names_bound(cell.source))
        outputs = self._kept(result["outputs"])
        seconds = time.monotonic() - start
        if result.get("status") == "ok":
            return CellReport(cell.key, Outcome.PASSED, outputs, seconds=seconds)
        outcome = Outcome.MEMORY if result.get("memory") is True else Outcome.ERROR
        message = f"{str(result.get('ename'))[:100]}: {' '.join(str(result.get('evalue')).split())[:200]}"
        return CellReport(cell.key, outcome, outputs, message=message, seconds=seconds)

    def _test(self, cell: Cell) -> CellReport:
        if self.ended is not None:
            outcome, message = self.ended.outcome, self.ended.message
            shown = _shown_end(outcome, f"not run, because of an earlier cell: {message}")
            return CellReport(cell.key, outcome, (shown,), 0.0, message)
        start = time.monotonic()
        if self.end.left() <= 0:
            self.ended = CellReport(cell.key, Outcome.TIMEOUT, score=0.0, message="the whole submission took too long")
            return self.ended
        self.student.deadline = self._deadline()
        if cell.beside_student:
            return self._test_beside(cell, start)
        self.student.memory = self.student.refused = False
        self.student.silent_changes = ".data" in cell.source
        self.namespace.forget_fetched()
        # a question that is under way at the deadline ends by itself before the alarm rings amid it
        alarm = self.student.deadline.later(TO_FINISH + 0.5)
        report = run_test_cell(cell, self.namespace, deadline=alarm, output_bytes=self.limits.output_bytes)
        if self.student.broken is not None:
            return self._stopped(cell, self.student.broken, start, report)
        if report.outcome is Outcome.TIMEOUT:
            self._recover(cell)
        elif report.outcome is Outcome.ERROR and self.student.memory:
            return CellReport(cell.key, Outcome.MEMORY, report.outputs, 0.0, report.message, report.seconds)
        else:
            with contextlib.suppress(WireError, RuntimeError):
                self.student.push()
        self.student.forget_leaves()
        return replace(report, refused=True) if self.student.refused else report

    def _deadline(self) -> Deadline:
        """When a cell that begins now has to end."""
        return Deadline.after(min(self.limits.cell_seconds, self.end.left()), self.lost())

    def _kept(self, outputs: Any) -> tuple[Mapping[str, Any], ...]:
        """What is kept of a cell's outputs: up to a limit, and up to another one for the whole submission."""
        kept = clean_outputs(outputs, max(min(self.limits.output_bytes, self.room // 8), 1000))
        self.room -= sum(len(str(output)) for output in kept)
        return kept

    def _test_beside(self, cell: Cell, start: float) -> CellReport:
        """Run a test cell in the student's process, as its author wants it."""
        cells = self.submission.cells
        earlier = [c for c in cells[: cells.index(cell)] if c.role == "test" and not c.beside_student]
        helpers = helpers_for(cell, earlier)
        try:
            self._bind()
            if helpers:
                self.student.run(helpers)
            result = self.student.run(cell.source)
        except WireError as error:
            return replace(self._stopped(cell, error, start), tamper_proof=False)
        outputs = self._kept(result["outputs"])
        self.namespace.forget_fetched()
        return report_of(cell, result, outputs, time.monotonic() - start)

    def _stopped(self, cell: Cell, error: WireError, start: float, report: CellReport | None = None) -> CellReport:
        """The student's process did not answer: find out why, and whether it can go on."""
        score = 0.0 if cell.role == "test" else None
        outputs = report.outputs if report else ()
        if isinstance(error, WireTimeout):
            outcome, message = Outcome.TIMEOUT, f"no end after {self.limits.cell_seconds:g} s"
            self._recover(cell)
        elif isinstance(error, WireClosed):
            outcome, message = self._how_it_ended()
            self.ended = CellReport(cell.key, outcome, message=message)
        else:
            outcome, message = Outcome.CRASHED, f"the student's process broke the protocol: {error}"
            self.ended = CellReport(cell.key, outcome, message=message)
        shown = _shown_end(outcome, message)
        return CellReport(cell.key, outcome, (*outputs, shown), score, message, time.monotonic() - start)

    def _recover(self, cell: Cell) -> None:
        """Interrupt what the student's process is doing; if it does not stop, it is ended."""
        self._interrupt()
        if self.student.recover(Deadline.after(_GRACE, self.lost())):
            return
        if isinstance(self.student.broken, WireClosed):
            outcome, message = self._how_it_ended()
            self.ended = CellReport(cell.key, outcome, message=message)
        else:
            message = f"no end after {self.limits.cell_seconds:g} s, and it could not be interrupted"
            self.ended = CellReport(cell.key, Outcome.TIMEOUT, message=message)
            with contextlib.suppress(OSError):
                self.watch.send(b"K")

    def _interrupt(self) -> None:
        """Interrupt the student's process; gives back once the signal is on its way, lest it hit a later cell."""
        with contextlib.suppress(OSError):
            self.watch.send(b"I")
            ready, _, _ = select.select([self.watch], [], [], _GRACE)
            if ready and self.watch.recv(1, socket.MSG_PEEK) == INTERRUPTED:
                self.watch.recv(1)

    def _how_it_ended(self) -> tuple[Outcome, str]:
        ready, _, _ = select.select([self.watch], [], [], _GRACE)
        try:
            status: Mapping[str, Any] = json.loads(self.watch.recv(4096)) if ready else {}
        except (OSError, ValueError):
            status = {}
        if status.get("memory"):
            return Outcome.MEMORY, f"more than {self.limits.memory_bytes >> 20} MiB of memory"
        if "signal" in status:
            number = int(status["signal"])
            name = signal.Signals(number).name if number in set(signal.Signals) else str(number)
            return Outcome.CRASHED, KILLED if number == signal.SIGKILL else f"the student's process was ended by {name}"
        if "exit" in status:
            return Outcome.CRASHED, f"the student's process ended itself (exit status {status['exit']})"
        return Outcome.CRASHED, ENDED

    def _fetch(self, name: str) -> Any:
        self._bind()
        try:
            return self.student.get(name)
        except NoSuchName:
            raise KeyError(name) from None


def _shown_end(outcome: Outcome, message: str) -> dict[str, Any]:
    """What a page shows of a cell that was ended, or that an earlier one's end kept from running."""
    name = outcome.value.capitalize()
    return {
        "output_type": "error",
        "ename": name,
        "evalue": message,
        "traceback": [f"\x1b[0;31m{name}\x1b[0m: {message}"],
    }
