"""Grade all that was submitted of an assignment: several submissions at a time, through one warm engine."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from pathlib import Path

from graders.engine.client import Engine, Isolation
from graders.nbgrader_plugin import find_alembic
from graders.nbgrader_plugin.config import course_config
from graders.nbgrader_plugin.rows import SubmissionRow


def grade_assignment(
    course: Path,
    assignment: str,
    *,
    jobs: int = 1,
    students: Sequence[str] | None = None,
    force: bool = False,
    isolation: Isolation | None = None,
    on_start: Callable[[int], None] = lambda count: None,
    on_result: Callable[[SubmissionRow], None] = lambda row: None,
) -> list[SubmissionRow]:
    """Grade the submitted work of an assignment into the course's gradebook.

    Args:
        course: the course's root folder, with its ``nbgrader_config.py``.
        jobs: submissions in flight at a time.
        students: only these; None for all that submitted.
        force: grade again what was graded and has not changed since.
        isolation: overrides the configured one ("namespaces" or "process").
        on_start: called once with the number of submissions.
        on_result: called with each row as it is finished, from this thread.

    Returns:
        a row for each submission, by student.

    Raises:
        TorchmagicError: no course there, no such assignment or student, or no walls to be had.
    """
    course = course.resolve()
    config = course_config(course)
    find_alembic()
    chosen: Isolation = isolation or config.EngineExecute.get("isolation", "namespaces")
    rows: list[SubmissionRow] = []
    with Engine(isolation=chosen, hidden=[course], at_once=jobs) as engine, contextlib.ExitStack() as stack:
        # the engine warms up on another core while nbgrader is imported here: each takes seconds
        from graders.nbgrader_plugin.grading import open_run

        run = stack.enter_context(open_run(config, engine, assignment, force=force))
        waiting_for = run.submitted(students)
        on_start(len(waiting_for))
        pool = stack.enter_context(ThreadPoolExecutor(max_workers=jobs + 1))  # one writes scores while others run
        waiting: set[Future[SubmissionRow]] = {pool.submit(run.grade, student) for student in waiting_for}
        try:
            engine.wait_until_ready()
            while waiting:
                done, waiting = wait(waiting, return_when=FIRST_COMPLETED)
                for future in done:
                    rows.append(future.result())
                    on_result(rows[-1])
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            engine.close()
            raise
    return sorted(rows, key=lambda row: row.student)
