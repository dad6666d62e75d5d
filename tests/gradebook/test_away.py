"""A database that is locked, gone, full, read-only or broken: what is tried again, and what is said."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import create_engine

from graders.nbgrader_plugin.gradebooks import open_gradebooks
from graders.nbgrader_plugin.writer import GradebookWriter
from tests.postgres import Postgres
from torchmagic.errors import TorchmagicError

from .books import ASSIGNMENT, COURSE, Book, Paper, full

ADA = [Paper("ada", full()).entry()]
BOB = [Paper("bob", full()).entry()]


@contextmanager
def locked(book: Book) -> Iterator[None]:
    """Another program in the midst of a change that it does not end."""
    engine = create_engine(book.db_url)
    with engine.connect() as connection:
        if book.db_url.startswith("sqlite"):
            connection.exec_driver_sql("BEGIN EXCLUSIVE")
        else:
            connection.exec_driver_sql("LOCK TABLE grade IN ACCESS EXCLUSIVE MODE")
        yield
        connection.rollback()
    engine.dispose()


@pytest.mark.slow
def test_a_locked_gradebook_is_waited_for_and_then_said_to_be_locked(book: Book) -> None:
    told: list[str] = []
    with book.writer(patience=0.3, on_wait=told.append) as writer:
        writer.write(ADA)
        with locked(book), pytest.raises(TorchmagicError, match=r"did not answer for 0.3 s .*lock") as caught:
            writer.write(BOB)
        assert "grade again" in caught.value.hint
        assert len(told) == 1
        assert "lock" in told[0]
        assert [row[0] for row in book.rows()["submitted"]] == ["ada"]
        writer.write(BOB)
    assert [row[0] for row in book.rows()["submitted"]] == ["ada", "bob"]


def test_a_lock_that_ends_in_time_is_nothing_to_speak_of(book: Book) -> None:
    release = threading.Event()
    ready = threading.Event()

    def hold() -> None:
        with locked(book):
            ready.set()
            release.wait(10)

    holding = threading.Thread(target=hold)
    holding.start()
    ready.wait(10)
    threading.Timer(0.2, release.set).start()
    told: list[str] = []
    try:
        with book.writer(on_wait=told.append) as writer:
            assert [one.student for one in writer.write(ADA)] == ["ada"]
    finally:
        holding.join()
    assert told == []


@pytest.mark.slow
def test_a_server_that_stays_away_is_an_error_and_nothing_is_lost(postgres: Postgres, postgresql_book: Book) -> None:
    told: list[str] = []
    with postgresql_book.writer(patience=0.4, on_wait=told.append) as writer:
        writer.write(ADA)
        postgres.kill()
        try:
            with pytest.raises(TorchmagicError, match="did not answer") as caught:
                writer.write(BOB)
            assert "Start the database server" in caught.value.hint
            assert len(told) == 1
            with pytest.raises(TorchmagicError, match="did not answer"):
                writer.scores()
            with pytest.raises(TorchmagicError, match="cannot be opened") as unopened:
                postgresql_book.writer()
            assert "start its server" in unopened.value.hint
        finally:
            postgres.start()
        writer.write(BOB)
        assert list(writer.scores()) == ["ada", "bob"]


def test_a_gradebook_that_takes_no_changes(book: Book) -> None:
    with book.writer() as writer:
        writer.write(ADA)
    if book.db_url.startswith("sqlite"):
        path = book.db_url.removeprefix("sqlite:///")
        read_only, words = f"sqlite:///file:{path}?mode=ro&uri=true", "readonly database"
    else:
        read_only, words = f"{book.db_url}&options=-cdefault_transaction_read_only%3Don", "read-only transaction"
    with GradebookWriter(read_only, COURSE, ASSIGNMENT) as writer:
        assert list(writer.scores()) == ["ada"]
        with pytest.raises(TorchmagicError, match=words) as caught:
            writer.write(BOB)
    assert caught.value.hint
    assert caught.value.hint != "Mend what it names, and grade again."
    assert [row[0] for row in book.rows()["submitted"]] == ["ada"]


_ON_A_FULL_DISK = """
import json, shutil, sys
from graders.nbgrader_plugin.writer import GradebookWriter
from tests.gradebook.books import ASSIGNMENT, COURSE, Paper, full
from torchmagic.errors import TorchmagicError

disk = sys.argv[1]
said = []
with GradebookWriter(f"sqlite:///{disk}/gradebook.db", COURSE, ASSIGNMENT) as writer:
    first = 0
    while not said:
        batch = [Paper(f"student{number:04}", full()).entry() for number in range(first, first + 20)]
        try:
            writer.write(batch)
        except TorchmagicError as error:
            said += [error.message, error.hint]
            whole = len(writer.scores()) == first
        first += 20
shutil.copy(f"{disk}/gradebook.db", sys.argv[2])
print(json.dumps([said, whole, first - 20]))
"""


@pytest.mark.sandbox
@pytest.mark.slow
@pytest.mark.skipif(shutil.which("unshare") is None, reason="a small disk is mounted by util-linux's unshare")
def test_a_full_disk(sqlite_book: Book, tmp_path: Path) -> None:
    """A real one: a small memory file system of the test's own."""
    disk = tmp_path / "disk"
    disk.mkdir()
    gradebook = sqlite_book.folder / "gradebook.db"
    left = tmp_path / "left.db"
    size = gradebook.stat().st_size // 1024 + 150
    script = f'mount -t tmpfs -o size={size}k none "$1" && cp "$2" "$1" && exec "$3" -c "$4" "$1" "$5"'
    command = ["unshare", "-r", "-m", "sh", "-c", script, "-", disk, gradebook, sys.executable, _ON_A_FULL_DISK, left]
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    (message, hint), whole, students = json.loads(done.stdout)
    assert "full" in message
    assert "Make room" in hint
    assert whole, "nothing of the batch is there"
    shutil.copy(left, gradebook)
    assert students > 0
    assert len(sqlite_book.rows()["submitted"]) == students
    with sqlite_book.writer() as writer:
        writer.write([Paper(f"student{number:04}", full()).entry() for number in range(students + 20)])
    assert len(sqlite_book.rows()["submitted"]) == students + 20


def test_a_gradebook_that_lost_its_tables_or_its_assignment(book: Book) -> None:
    engine = create_engine(book.db_url)
    with book.writer() as writer:
        with engine.begin() as connection:
            connection.exec_driver_sql("ALTER TABLE comment RENAME TO elsewhere")
        with pytest.raises(TorchmagicError, match="comment") as caught:
            writer.write(ADA)
        assert "backup" in caught.value.hint
        with engine.begin() as connection:
            connection.exec_driver_sql("ALTER TABLE elsewhere RENAME TO comment")
        assert book.rows()["submitted"] == []
        assert book.rows()["student"] == []
        with book.gradebook() as gradebook:
            gradebook.remove_assignment(ASSIGNMENT)
        with pytest.raises(TorchmagicError, match="lost its assignment 'hw'"):
            writer.write(ADA)
    engine.dispose()


@pytest.mark.parametrize(
    ("db_url", "words"),
    [
        ("sqlite:////no/such/folder/gradebook.db", "unable to open"),
        ("no address at all", "cannot be opened"),
        ("oracle+cx_oracle://scott:tiger@far/away", "needs a Python package"),
        ("postgresql//scott:tiger@host/name", "cannot be opened"),
        ("nosuchkind://host/name", "cannot be opened"),
    ],
)
def test_an_address_that_leads_nowhere(db_url: str, words: str) -> None:
    with pytest.raises(TorchmagicError, match=words) as caught:
        open_gradebooks(db_url, COURSE)
    assert caught.value.hint
    assert "tiger" not in str(caught.value)


def test_a_wrong_database_or_user_is_said_at_once(postgres: Postgres) -> None:
    for wrong in (postgres.url("nosuchdatabase"), postgres.url("made").replace("postgres@", "nobody:secret@")):
        with pytest.raises(TorchmagicError, match="does not exist") as caught:
            open_gradebooks(wrong, COURSE)
        assert "secret" not in str(caught.value)


def test_a_gradebook_of_an_old_nbgrader(sqlite_book: Book) -> None:
    """nbgrader makes tables that are missing, and leaves columns that are missing to its own command."""
    engine = create_engine(sqlite_book.db_url)
    with sqlite_book.writer() as writer:
        for table, column in (("grade", "extra_credit"), ("assignment", "duedate")):
            with engine.begin() as connection:
                connection.exec_driver_sql(f"ALTER TABLE {table} DROP COLUMN {column}")
            with pytest.raises(TorchmagicError, match=f"no such column: .*{column}") as caught:
                writer.write(ADA)
            assert "nbgrader db upgrade" in caught.value.hint
    with pytest.raises(TorchmagicError, match=r"no such column: assignment\.duedate") as caught:
        sqlite_book.writer()
    assert "nbgrader db upgrade" in caught.value.hint
    engine.dispose()
