"""What is PostgreSQL's own: nbgrader works on it, rows are locked while their scores are counted, races are lost well."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import pytest
from sqlalchemy import Connection, create_engine, text

from graders.nbgrader_plugin.written import Written

from .books import ASSIGNMENT, DUE, Book, Paper, full
from .test_rows import CONFIG, HALF, LATE


@pytest.mark.e2e
@pytest.mark.slow
def test_nbgraders_own_way_on_the_same_database(postgresql_book: Book) -> None:
    """Its commands work there, the two can take turns, and what a person sees in the formgrader is the same."""
    book = postgresql_book
    with book.writer(CONFIG) as writer:
        for scores, when in ((full(), LATE), (HALF, DUE), (full("two"), LATE)):
            book.autograde(Paper("late by nbgrader", scores, when), CONFIG)
            writer.write([Paper("late by us", scores, when).entry()])
            rows = book.rows()
            by_whom = [
                [(table, row[1:]) for table in rows for row in rows[table] if row[0] == f"late by {who}"]
                for who in ("us", "nbgrader")
            ]
            assert by_whom[0] == by_whom[1]
        paper = Paper("late by nbgrader", full("two"), LATE)
        assert [one.changed for one in writer.write([paper.entry()])] == [False]
        book.autograde(Paper("late by us", HALF, DUE), CONFIG)
    with book.gradebook() as gradebook:
        shown = {entry["student"]: entry["score"] for entry in gradebook.submission_dicts(ASSIGNMENT)}
    assert shown == {"late by us": pytest.approx(1.45), "late by nbgrader": pytest.approx(4.1)}


def _while(book: Book, change: Callable[[Connection], Any], paper: Paper) -> list[Written]:
    """Write a paper while somebody else has made a change, and commits it once the writer waits for that."""
    engine = create_engine(book.db_url)
    waiting = text(
        "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
    )
    try:
        with book.writer() as writer, ThreadPoolExecutor(1) as pool, engine.connect() as other:
            change(other)
            written: Future[list[Written]] = pool.submit(writer.write, [paper.entry()])
            deadline = time.monotonic() + 30
            with engine.execution_options(isolation_level="AUTOCOMMIT").connect() as watch:
                while not watch.scalar(waiting):
                    assert time.monotonic() < deadline, "the writer waits for nobody"
                    time.sleep(0.01)
            other.commit()
            return written.result()
    finally:
        engine.dispose()


def test_a_score_that_a_person_enters_in_this_moment_is_seen(postgresql_book: Book) -> None:
    """Or the cell would be marked as done, which the person's new score forbids."""
    with postgresql_book.writer() as writer:
        writer.write([Paper("ada", full()).entry()])
    score = text("UPDATE grade SET manual_score = 1.5 WHERE cell_id IN (SELECT id FROM base_cell WHERE name = 't1')")
    (written,) = _while(postgresql_book, lambda connection: connection.execute(score), Paper("ada", HALF))
    assert (written.score, written.needs_manual_grade) == (pytest.approx(1.5 + 0.35 + 0.1), True)
    (grade,) = [row for row in postgresql_book.rows()["grade"] if row[2] == "t1"]
    assert grade[4:] == (1.0, 1.5, None, True)


def test_a_student_whom_another_grader_enters_in_this_moment(postgresql_book: Book) -> None:
    """As when two assignments are graded at once: the second to enter the student begins again."""
    student = text("INSERT INTO student (id) VALUES ('ada')")
    (written,) = _while(postgresql_book, lambda connection: connection.execute(student), Paper("ada", full()))
    assert (written.student, written.score, written.changed) == ("ada", 6.8, True)
    assert [row[0] for row in postgresql_book.rows()["student"]] == ["ada"]


def test_an_extension_granted_in_this_moment_counts(postgresql_book: Book) -> None:
    with postgresql_book.writer() as writer:
        writer.write([Paper("ada", full(), LATE).entry()])
    grant = text("UPDATE submitted_assignment SET extension = interval '25 hours'")
    (written,) = _while(postgresql_book, lambda connection: connection.execute(grant), Paper("ada", full(), LATE))
    assert written.late_seconds == 3600.0
