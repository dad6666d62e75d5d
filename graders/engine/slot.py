"""A place for one submission: a student's and a judge's process, forked to wait for it, and what they report of it."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
from dataclasses import dataclass
from typing import Any

from graders.engine.arena import make_arena
from graders.engine.begin import Begin, send_begin
from graders.engine.deadline import Deadline, lost_by
from graders.engine.report import Cell, CellReport, Outcome, Submission, facts
from graders.engine.wire import Caps, Frame, WireClosed, WireError, WireTimeout, recv_frame, send_frame
from torchmagic.errors import TorchmagicError

#: For a judge that does not end by itself: it waits for the student's process first, and recovers after each cell.
_SPARE_SECONDS = 75.0
_TRUSTED = Caps(header=1 << 30, body=0)


@dataclass(frozen=True)
class Slot:
    """A student's and a judge's process that wait for a submission; leaving it ends both."""

    start: socket.socket
    report: socket.socket

    def __enter__(self) -> Slot:
        return self

    def __exit__(self, *exception: object) -> None:
        self.start.close()
        self.report.close()

    def collect(
        self, submission: Submission, scratch: str, core: int | None
    ) -> tuple[list[CellReport], tuple[Outcome, str]]:
        """Have a submission judged; gives the reports that came, and what to say of cells that none came for.

        Args:
            scratch: a folder for the judge, and for the student's code where there are no walls.
            core: the one that the student's code may use; any, where it is None.
        """
        seconds = submission.limits.total_seconds + _SPARE_SECONDS
        deadline = Deadline.after(seconds)
        cells: list[CellReport] = []
        pid = 0
        try:
            begin = Begin(submission.limits, f"{scratch}/student", submission.files, core)
            send_begin(self.start, begin, deadline=deadline)
            there = recv_frame(self.report, caps=_TRUSTED, deadline=deadline).header
            pid = int(there["pid"])
            deadline = Deadline.after(seconds, lost_by(pid, int(there["student"])))
            send_frame(self.report, Frame(_as_header(submission, scratch)), deadline=deadline)
            while True:
                header = recv_frame(self.report, caps=_TRUSTED, deadline=deadline).header
                if "done" in header:
                    return cells, (Outcome.GRADER_ERROR, "the judge left this cell out")
                fields = dict(header["cell"])
                fields.update(outcome=Outcome(fields["outcome"]), outputs=tuple(fields["outputs"]))
                cells.append(CellReport(**fields))
        except WireTimeout:
            return cells, (
                Outcome.TIMEOUT,
                f"the whole submission took over {submission.limits.total_seconds:g} s",
            )
        except WireClosed:
            return cells, (Outcome.GRADER_ERROR, "the judge's process ended unexpectedly")
        except WireError as error:
            return cells, (Outcome.GRADER_ERROR, f"the judge's reports cannot be read: {error}")
        finally:
            if pid:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(pid, signal.SIGKILL)


def fork_slot(student_control: socket.socket, judge_control: socket.socket, serial: int) -> Slot:
    """Ask both warm parents for a fork; the two are joined by the wire and wait for their submission.

    Args:
        serial: distinguishes submissions that run at the same time.

    Raises:
        TorchmagicError: a warm parent is gone.
    """
    wire_student, wire_judge = socket.socketpair()
    watch_student, watch_judge = socket.socketpair()
    start_student, start = socket.socketpair()
    report_judge, report = socket.socketpair()
    theirs = (wire_student, watch_student, start_student, wire_judge, watch_judge, report_judge)
    memory = make_arena()
    request = json.dumps({"serial": serial}).encode()
    try:
        socket.send_fds(student_control, [request], [*(sock.fileno() for sock in theirs[:3]), memory])
        socket.send_fds(judge_control, [request], [*(sock.fileno() for sock in theirs[3:]), memory])
    except OSError as error:
        start.close()
        report.close()
        raise TorchmagicError(
            f"The grading engine's warm process is gone ({error.strerror}).", hint="Start grading again."
        ) from error
    finally:
        os.close(memory)
        for sock in theirs:
            sock.close()
    return Slot(start, report)


def _as_header(submission: Submission, scratch: str) -> dict[str, Any]:
    def cells(items: tuple[Cell, ...]) -> list[dict[str, Any]]:
        return [facts(cell) for cell in items if cell.role != "ignored"]

    return {
        "cells": cells(submission.cells),
        "template": cells(submission.template),
        "limits": facts(submission.limits),
        "scratch": scratch,
    }
