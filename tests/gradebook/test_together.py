"""Graders and people at one gradebook at a time, and graders and database servers that are killed at any moment."""

from __future__ import annotations

import itertools
import multiprocessing
import random
import shutil
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import pytest

from tests.postgres import Postgres

from .books import ASSIGNMENT, COURSE, DUE, Book, Paper, by_hand, full
from .test_rows import CONFIG, HALF, LATE

STUDENTS = [f"late {number:03}" for number in range(48)]
BATCH = 6
BAD = {"one": {"t1": 0.0, "t2": 0.0}, "two": {"t": 0.0, "u": 0.0}}


def class_of(scores: Any) -> list[Paper]:
    """Everybody's work, some of it late."""
    return [Paper(name, scores, LATE if place % 3 == 0 else DUE) for place, name in enumerate(STUDENTS)]


def write_class(book: Book, papers: Sequence[Paper], said: Callable[[str], None] = lambda word: None) -> None:
    with book.writer(CONFIG, on_wait=said) as writer:
        for first in range(0, len(papers), BATCH):
            writer.write([paper.entry() for paper in papers[first : first + BATCH]])
            said("a batch")


def grader(book: Book, papers: Sequence[Paper], times: int, pipe: Connection) -> None:
    """A process of its own that begins when it is told to, and says each batch and what it would tell its user."""
    pipe.send("ready")
    pipe.recv()
    for _ in range(times):
        write_class(book, papers, pipe.send)
    pipe.send("done")


@contextmanager
def process(book: Book, papers: Sequence[Paper], times: int = 1) -> Iterator[tuple[BaseProcess, Connection]]:
    """A grader's process, ready to begin."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([__name__])
    ours, theirs = context.Pipe()
    running = context.Process(target=grader, args=(book, papers, times, theirs))
    running.start()
    theirs.close()
    try:
        assert ours.recv() == "ready"
        yield running, ours
    finally:
        running.kill()
        running.join()
        ours.close()


def ends_well(running: BaseProcess, pipe: Connection) -> None:
    while (word := pipe.recv()) != "done":
        assert word == "a batch", word  # and never that the gradebook is locked
    running.join(30)
    assert running.exitcode == 0


@pytest.fixture
def undisturbed(sqlite_made: Path, tmp_path: Path) -> Book:
    """A fresh course in which one grader works alone."""
    shutil.copytree(sqlite_made, tmp_path / "undisturbed")
    return Book(tmp_path / "undisturbed", f"sqlite:///{tmp_path}/undisturbed/gradebook.db")


@pytest.mark.slow
def test_two_graders_at_once(book: Book, undisturbed: Book) -> None:
    papers = class_of(full())
    with process(book, papers, times=2) as first, process(book, papers[::-1], times=2) as second:
        first[1].send("go")
        second[1].send("go")
        ends_well(*second)
        ends_well(*first)
    write_class(undisturbed, papers)
    assert book.rows() == undisturbed.rows()


@pytest.mark.slow
def test_what_people_enter_while_it_is_graded_again_is_not_lost(book: Book, undisturbed: Book) -> None:
    students = STUDENTS[::4]
    for each in (book, undisturbed):
        write_class(each, class_of(full()))
    with process(book, class_of(HALF), times=3) as (running, pipe), book.gradebook() as gradebook:
        pipe.send("go")
        for student in students:
            by_hand(gradebook, student)
        ends_well(running, pipe)
    write_class(book, class_of(BAD))
    with undisturbed.gradebook() as gradebook:
        for student in students:
            by_hand(gradebook, student)
    write_class(undisturbed, class_of(BAD))
    assert book.rows() == undisturbed.rows()
    by_hand_now = [row for row in book.rows()["grade"] if row[5] is not None]
    assert [row[0] for row in by_hand_now] == students
    assert all(row[7] for row in by_hand_now), "a score by hand asks for another look"


@pytest.mark.slow
def test_a_grader_killed_at_any_moment_leaves_whole_batches_and_the_next_one_completes_them(
    book: Book, undisturbed: Book
) -> None:
    papers = class_of(full())
    write_class(undisturbed, papers)
    whole = undisturbed.rows()
    chance = random.Random(7)
    killed = 0
    for _ in range(8):
        with process(book, papers) as (running, pipe):
            pipe.send("go")
            for _ in range(chance.randrange(1, 4)):
                pipe.recv()
            time.sleep(chance.uniform(0, 0.02))
            running.kill()
            running.join()
            killed += running.exitcode == -9
        left = book.rows()
        students = {row[0] for row in left["student"]}
        assert len(students) % BATCH == 0
        assert left == {table: [row for row in rows if row[0] in students] for table, rows in whole.items()}
        papers = [*papers[BATCH:], *papers[:BATCH]]
    assert killed > 4
    write_class(book, papers)
    assert book.rows() == whole


@pytest.mark.slow
def test_a_server_killed_at_thirty_moments(postgres: Postgres, postgresql_book: Book, undisturbed: Book) -> None:
    """The grader goes on by itself, and ends where an undisturbed one does."""
    book = postgresql_book
    told: list[str] = []
    ended: list[bool] = []
    batches = itertools.count()
    reached = [0]
    stop = threading.Event()

    def work() -> None:
        with book.writer(CONFIG, on_wait=told.append) as writer:
            while not stop.is_set():
                for papers in map(class_of, (BAD, HALF, full())):
                    for first in range(0, len(papers), BATCH):
                        writer.write([paper.entry() for paper in papers[first : first + BATCH]])
                        reached[0] = next(batches)
            ended.append(True)

    writing = threading.Thread(target=work)
    chance = random.Random(11)
    writing.start()
    try:
        for _ in range(30):
            seen = reached[0]
            while reached[0] == seen and writing.is_alive():
                time.sleep(0.002)
            time.sleep(chance.uniform(0, 0.05))
            postgres.kill()
            postgres.start()
    finally:
        stop.set()
        writing.join(60)
    assert ended
    assert len(told) > 20
    assert "does not answer" in told[0]
    for scores in (BAD, HALF, full()):
        write_class(undisturbed, class_of(scores))
    assert book.rows() == undisturbed.rows()
    with book.gradebook() as gradebook:
        assert gradebook.course_id == COURSE
        assert len(gradebook.submission_dicts(ASSIGNMENT)) == len(STUDENTS)
