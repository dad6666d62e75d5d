"""Grade all that was submitted of some assignments: on this machine's cores, or on a cluster."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from graders.engine.client import Engine, Isolation
from graders.executing import Executor
from graders.executing.local import LocalExecutor
from graders.nbgrader_plugin import find_alembic
from graders.nbgrader_plugin.config import CONFIG_NAME, course_config
from graders.nbgrader_plugin.rows import SubmissionRow
from graders.nbgrader_plugin.settings import demand_fit, loaded_classes, missettings

if TYPE_CHECKING:  # importing nbgrader takes a second, in which the engine warms up
    from graders.nbgrader_plugin.session import Session


@contextlib.contextmanager
def grading_session(
    course: Path,
    *,
    jobs: int | None = 1,
    isolation: Isolation | None = None,
    scheduler: str | None = None,
    notice: Callable[[str], None] = lambda text: None,
) -> Iterator[Session]:
    """A course that is ready to be graded.

    Args:
        course: the course's root folder, with its ``nbgrader_config.py``.
        jobs: submissions in flight at a time; None for as many as a cluster takes.
        isolation: overrides the configured one ("namespaces" or "process").
        scheduler: the address of a Dask scheduler, or a file that describes a cluster; None for this machine's cores.
        notice: called with what the user should know while the work goes on; from any thread.

    Raises:
        TorchmagicError: no course there, no such cluster, or no walls to be had.
    """
    course = course.resolve()
    config = course_config(course)
    find_alembic()
    chosen: Isolation = isolation or config.EngineExecute.get("isolation", "namespaces")
    config.EngineExecute.isolation = chosen
    with contextlib.ExitStack() as stack:
        engine = None
        if scheduler is None:
            engine = stack.enter_context(Engine(isolation=chosen, hidden=[course], at_once=jobs or 1))
        # the engine warms up on another core while nbgrader is imported here: each takes seconds
        from graders.nbgrader_plugin.session import open_session
        from graders.nbgrader_plugin.worker import Worker

        executor: Executor
        if engine is not None:
            executor = LocalExecutor(lambda *, at_once: Worker(engine=engine), jobs or 1)
        else:
            from graders.executing.cluster import ClusterExecutor

            assert scheduler is not None
            factory = functools.partial(Worker, isolation=chosen, hidden=[course])
            executor = ClusterExecutor(scheduler, factory, jobs, notice=notice)
        stack.callback(executor.close, cancel=True)
        demand_fit(config)  # now that all steps are imported
        for unknown in missettings(config, loaded_classes()):
            notice(f"In {CONFIG_NAME} {unknown}")
        yield stack.enter_context(open_session(config, executor, engine, jobs or 1, notice))


def grade_assignments(
    course: Path,
    assignments: Sequence[str],
    *,
    jobs: int | None = 1,
    students: Sequence[str] | None = None,
    fresh: bool = False,
    isolation: Isolation | None = None,
    scheduler: str | None = None,
    notice: Callable[[str], None] = lambda text: None,
    on_start: Callable[[int], None] = lambda count: None,
    on_result: Callable[[str, SubmissionRow], None] = lambda assignment, row: None,
) -> dict[str, list[SubmissionRow]]:
    """Grade the submitted work of assignments into the course's gradebook.

    Args:
        course, jobs, isolation, scheduler, notice: as in :func:`grading_session`.
        students: only these; None for all that submitted.
        fresh: grade again what was graded and has not changed since.
        on_start: called once with the number of submissions.
        on_result: called with an assignment and a row as it is finished, with its result in detail.

    Returns:
        by assignment, a row for each submission, by student.

    Raises:
        TorchmagicError: no course there, no such assignment or student, or no walls to be had.
    """
    rows: dict[str, list[SubmissionRow]] = {assignment: [] for assignment in assignments}
    with grading_session(course, jobs=jobs, isolation=isolation, scheduler=scheduler, notice=notice) as session:
        work = [(session.package(assignment), session.students(assignment, students)) for assignment in rows]
        for package, _ in work:
            session.prepare(package)
        on_start(sum(len(found) for _, found in work))
        for package, found in work:
            for row in session.grade(package, found, fresh=fresh):
                on_result(package.assignment, row)
                rows[package.assignment].append(replace(row, result=None))  # a thousand of them would fill the memory
    return {assignment: sorted(found, key=lambda row: row.student) for assignment, found in rows.items()}


def grade_assignment(
    course: Path,
    assignment: str,
    *,
    jobs: int | None = 1,
    students: Sequence[str] | None = None,
    fresh: bool = False,
    isolation: Isolation | None = None,
) -> list[SubmissionRow]:
    """As :func:`grade_assignments`, for one assignment: a row for each submission, by student."""
    graded = grade_assignments(course, [assignment], jobs=jobs, students=students, fresh=fresh, isolation=isolation)
    return graded[assignment]
