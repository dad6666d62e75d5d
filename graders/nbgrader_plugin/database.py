"""Transactions on a gradebook's database that are tried again while it is locked, restarting or out of reach."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Mapping
from enum import Enum
from typing import Any, TypeVar

from sqlalchemy import Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import DatabaseError, DBAPIError, IntegrityError, InterfaceError, OperationalError, SQLAlchemyError
from sqlalchemy.pool import ConnectionPoolEntry

from torchmagic.errors import TorchmagicError

_Found = TypeVar("_Found")

#: How long one statement waits for another program's lock before that is said and tried again, in seconds.
_LOCK_SECONDS = 5.0
_LONGEST_PAUSE = 2.0
#: How often a transaction that lost against another grader's is begun again: each time one of them got through.
_CONFLICTS = 50

_POSTGRESQL_HINTS: Mapping[str, str] = {
    "53100": "Make room on the disk of the database server, and grade again.",
    "25006": "The database takes no changes (a standby?): set `CourseDirectory.db_url` to the one that does.",
    "42501": "Give the database's user the right to change nbgrader's tables, and grade again.",
    "42703": "Bring the database up to date with `nbgrader db upgrade`, and grade again.",
    "42P01": "The tables are gone: put a backup in their place, and grade again.",
}
_SQLITE_HINTS: Mapping[str, str] = {
    "full": "Make room on its disk, and grade again.",
    "readonly": "Make the file and its folder writable for you, and grade again.",
    "unable to open": "Make the file and its folder readable and writable for you, and grade again.",
    "disk i/o": "Look after its disk (is it full, or gone?), and grade again.",
    "malformed": "Put a backup in its place, and grade again.",
    "not a database": "Put a backup in its place, and grade again.",
    "no such column": "Bring it up to date with `nbgrader db upgrade`, and grade again.",
    "no such table": "The tables are gone: put a backup in its place, and grade again.",
}


class Trouble(Enum):
    """What can be done about an error of the database."""

    CONFLICT = "another grader was faster: begin again"
    AWAY = "locked, restarting or out of reach: wait and begin again"
    LASTING = "trying again would end the same"


class Database:
    """One gradebook's database, for transactions of plain SQL; use from any number of threads.

    Args:
        db_url: nbgrader's address of the database.
        patience: for how many seconds a database that is locked or out of reach is tried again.
        on_wait: told, once each time that this begins, in one sentence.
    """

    def __init__(
        self, db_url: str, *, patience: float = 60.0, on_wait: Callable[[str], None] = lambda message: None
    ) -> None:
        self.name = make_url(db_url).render_as_string(hide_password=True)
        self._patience = patience
        self._on_wait = on_wait
        self._engine = _engine(db_url, min(_LOCK_SECONDS, patience))
        self._writing = self._engine.execution_options(torchmagic_writes=True)

    def write(self, work: Callable[[Connection], _Found]) -> _Found:
        """Do all of ``work`` in one transaction, or nothing of it; it may be begun several times.

        On SQLite the transaction holds the one lock for writing from its first statement on.

        Raises:
            TorchmagicError: the database cannot be written to, or did not come back in time.
        """
        return self._try(self._writing, work)

    def read(self, work: Callable[[Connection], _Found]) -> _Found:
        """Do ``work`` in a transaction that only reads.

        Raises:
            TorchmagicError: the database cannot be read, or did not come back in time.
        """
        return self._try(self._engine, work)

    def close(self) -> None:
        """Close every connection."""
        self._engine.dispose()

    def _try(self, engine: Engine, work: Callable[[Connection], _Found]) -> _Found:
        away_since: float | None = None
        pause, conflicts = 0.05, 0
        while True:
            try:
                with engine.begin() as connection:
                    return work(connection)
            except SQLAlchemyError as error:
                trouble = trouble_of(error)
                if trouble is Trouble.LASTING:
                    raise self._lasting(error) from error
                now = time.monotonic()
                if trouble is Trouble.CONFLICT:
                    conflicts += 1
                    if conflicts > _CONFLICTS:
                        raise self._lasting(error) from error
                elif away_since is None:
                    away_since = now
                    seconds = f"{self._patience:g} s"
                    self._on_wait(f"{self.name} does not answer ({reason_of(error)}): trying again for {seconds}.")
                elif now - away_since > self._patience:
                    raise self._gone(error) from error
            time.sleep(pause * random.uniform(0.5, 1.0))  # so that two who met do not meet again
            pause = min(2 * pause, _LONGEST_PAUSE) if trouble is Trouble.AWAY else pause

    def _gone(self, error: SQLAlchemyError) -> TorchmagicError:
        if self._engine.dialect.name == "sqlite":
            hint = "Close the program that keeps the gradebook locked (a formgrader? a browser of databases?)."
        else:
            hint = "Start the database server, or mend `CourseDirectory.db_url` in nbgrader_config.py."
        return TorchmagicError(
            f"The gradebook {self.name} did not answer for {self._patience:g} s ({reason_of(error)}).",
            hint=f"{hint} Then grade again: what was written stays, and the rest is written then.",
        )

    def _lasting(self, error: SQLAlchemyError) -> TorchmagicError:
        return TorchmagicError(
            f"The gradebook {self.name} cannot be written to or read ({reason_of(error)}). Nothing is half-written.",
            hint=_hint(error),
        )


def _engine(db_url: str, lock_seconds: float) -> Engine:
    url = make_url(db_url)
    options: dict[str, Any] = {}
    if url.get_backend_name() == "sqlite":
        options["connect_args"] = {"timeout": lock_seconds}
    elif url.get_backend_name() == "postgresql":
        if url.get_driver_name() in ("psycopg2", "psycopg"):  # both hand these to PostgreSQL's own client library
            wanted = {"connect_timeout": 10, "tcp_user_timeout": 30_000}  # or a dead machine is waited for for minutes
            options["connect_args"] = {name: value for name, value in wanted.items() if name not in url.query}
        if url.get_driver_name() == "psycopg2":
            options["executemany_mode"] = "values_plus_batch"  # one round trip for many rows, as psycopg does itself
    engine = create_engine(url, **options)
    if engine.dialect.name == "sqlite":
        _take_locks_at_begin(engine)
    elif engine.dialect.name == "postgresql":
        _wait_briefly_for_locks(engine, lock_seconds)
    return engine


def _take_locks_at_begin(engine: Engine) -> None:
    """SQLAlchemy's own recipe: the driver would begin its transaction late, at the first change.

    Two graders that have both read would then both be refused, or one would overwrite what it had not read.
    """

    @event.listens_for(engine, "connect")
    def leave_it_to_us(connection: Any, record: ConnectionPoolEntry) -> None:
        connection.isolation_level = None

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        writes = connection.get_execution_options().get("torchmagic_writes", False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _wait_briefly_for_locks(engine: Engine, seconds: float) -> None:
    milliseconds = max(1, round(1000 * seconds))  # 0 would be for ever

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        connection.exec_driver_sql(f"SET LOCAL lock_timeout = {milliseconds}")


def trouble_of(error: SQLAlchemyError) -> Trouble:
    """What can be done about an error, by its SQLSTATE where the server gave one.

    >>> trouble_of(IntegrityError("", None, Exception("UNIQUE constraint failed")))
    <Trouble.CONFLICT: 'another grader was faster: begin again'>
    """
    if not isinstance(error, DBAPIError):
        return Trouble.LASTING
    state = _sqlstate(error)
    if isinstance(error, IntegrityError) or state.startswith("40"):  # a deadlock, or not serializable
        return Trouble.CONFLICT
    if _of_sqlite(error):
        said = str(error.orig).lower()
        locked = "locked" in said or "busy" in said
        return Trouble.AWAY if locked else Trouble.LASTING
    if state:
        # the connection's end, the server's start, stop or crash, too many connections, a lock held by someone
        away = state[:2] == "08" or state in ("57P01", "57P02", "57P03", "57P05", "53300", "55P03")
        return Trouble.AWAY if away else Trouble.LASTING
    # without a SQLSTATE the server said nothing: it was not reached, or is gone
    lost = error.connection_invalidated or type(error) is DatabaseError
    return Trouble.AWAY if lost or isinstance(error, (OperationalError, InterfaceError)) else Trouble.LASTING


def reason_of(error: BaseException) -> str:
    """What the database's own driver said, in one line."""
    said = str(getattr(error, "orig", None) or error).strip()
    return " ".join(said.split())[:300] or type(error).__name__


def _of_sqlite(error: DBAPIError) -> bool:
    return type(error.orig).__module__ == "sqlite3"


def _sqlstate(error: DBAPIError) -> str:
    """As psycopg or psycopg2 name it."""
    return str(getattr(error.orig, "sqlstate", None) or getattr(error.orig, "pgcode", None) or "")


def _hint(error: SQLAlchemyError) -> str:
    otherwise = "Mend what it names, and grade again."
    if not isinstance(error, DBAPIError):
        return otherwise
    if _of_sqlite(error):
        said = str(error.orig).lower()
        return next((hint for words, hint in _SQLITE_HINTS.items() if words in said), otherwise)
    return _POSTGRESQL_HINTS.get(_sqlstate(error), otherwise)
