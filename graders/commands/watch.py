"""`torchmagic grade --watch`: look at the exchange again and again, until it is stopped."""

from __future__ import annotations

import contextlib
import time
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path

from rich.console import Console

from graders.commands.show import number, printable
from graders.engine.client import Isolation
from graders.nbgrader_plugin.autograde import grading_session
from graders.nbgrader_plugin.rows import SubmissionRow
from graders.nbgrader_plugin.watching import Watcher, WatchOptions
from graders.run_log import RunLog
from torchmagic.errors import TorchmagicError


def watch(
    console: Console,
    folder: Path,
    assignments: Sequence[str],
    *,
    jobs: int | None,
    isolation: Isolation | None,
    scheduler: str | None,
    every: float,
    options: WatchOptions,
    log: Path | None,
) -> None:
    """Watch until interrupted; a line for each submission that is graded.

    Args:
        every: seconds between two looks.

    Raises:
        TorchmagicError: the first look failed: no such course, assignment or exchange, or nothing to grade with.
    """
    graded: Counter[str] = Counter()
    named = len(assignments) > 1

    def say(text: str) -> None:
        line = f"{datetime.now():%H:%M:%S} {printable(text)}"
        console.print(line, markup=False, highlight=False, soft_wrap=True)

    with contextlib.ExitStack() as stack:
        entries = stack.enter_context(RunLog(log)) if log is not None else None
        session = stack.enter_context(
            grading_session(folder, jobs=jobs, isolation=isolation, scheduler=scheduler, notice=say)
        )

        def result(assignment: str, row: SubmissionRow) -> None:
            graded[row.outcome] += 1
            took = f"in {row.seconds:.2f} s" if row.how == "run" else row.how
            score = f"{number(row.score)}/{number(row.max_score)}"
            why = f": {row.message}" if row.how == "not graded" else ""
            say(f"{row.student}{f', {assignment}' if named else ''}: {row.outcome} {score} {took}{why}")
            if entries is not None:
                entries.row(assignment, row)

        watchers = [
            Watcher(
                folder,
                session,
                assignment,
                options,
                on_result=lambda row, assignment=assignment: result(assignment, row),  # type: ignore[misc]
                notice=say,
            )
            for assignment in assignments
        ]
        if entries is not None:
            entries.start(assignments, 0)
        for watcher in watchers:
            watcher.look()
        say(f"Watching {', '.join(assignments)}: looking every {every:g} s. Ctrl-C ends it.")
        try:
            while True:
                time.sleep(every)
                for watcher in watchers:
                    _look(watcher, say)
        except KeyboardInterrupt:
            said = ", ".join(f"{n} {kind}" for kind, n in graded.most_common())
            say(f"Stopped watching. Graded: {said or 'nothing'}.")


def _look(watcher: Watcher, say: Callable[[str], None]) -> None:
    """One look; what goes wrong, a disk that is away for one, may be right at the next."""
    try:
        watcher.look()
    except TorchmagicError as error:
        say(f"This look failed, the next one tries again: {error}")
