"""Gradebooks that share one connection pool: opening nbgrader's own anew costs more than grading a notebook."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from subprocess import CalledProcessError
from typing import Any, TypeVar

from nbgrader.api import Gradebook
from sqlalchemy import make_url
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import scoped_session, sessionmaker

from torchmagic.errors import TorchmagicError

_Found = TypeVar("_Found")


class _PooledGradebook(Gradebook):  # type: ignore[misc]
    """A gradebook over an existing connection pool, which outlives it."""

    def __init__(self, engine: Any, course_id: str) -> None:
        self.engine = engine
        self.db = scoped_session(sessionmaker(autoflush=True, bind=engine, future=True))
        self.course_id = course_id
        self.authenticator = None

    def close(self) -> None:
        """End this session; the pool stays."""
        self.db.remove()


class Gradebooks:
    """Opens gradebooks of one course; use from any number of threads.

    Args:
        db_url: nbgrader's address of the database.
        course_id: nbgrader's course id.
    """

    def __init__(self, db_url: str, course_id: str) -> None:
        self._first = Gradebook(db_url, course_id)  # makes tables and the course entry where these are missing
        self._course_id = course_id
        self._known: dict[Any, Any] = {}

    def open(self) -> Gradebook:
        """A gradebook with a session of its own; a context manager."""
        return _PooledGradebook(self._first.engine, self._course_id)

    def once(self, key: object, find: Callable[[], _Found]) -> _Found:
        """What ``find`` gives, found once for a whole run: what is the same for all who submitted."""
        if key not in self._known:
            self._known[key] = find()
        return self._known[key]  # type: ignore[no-any-return]

    def close(self) -> None:
        """Close every connection."""
        self._first.close()


def open_gradebooks(db_url: str, course_id: str) -> Gradebooks:
    """The gradebooks of a course; a database that is new gets its tables.

    Raises:
        TorchmagicError: the database cannot be opened, or its driver is not installed.
    """
    with saying_why_not(db_url):
        gradebooks = Gradebooks(db_url, course_id)
        with gradebooks.open() as gradebook:
            _known(gradebook)
    return gradebooks


@contextlib.contextmanager
def saying_why_not(db_url: str) -> Iterator[None]:
    """Turn what a database's driver raises while the context lasts into an error that says what to do.

    Raises:
        TorchmagicError: the database could not be opened or read.
    """
    try:
        yield
    except ImportError as error:
        raise TorchmagicError(
            f"The gradebook {_shown(db_url)} needs a Python package that is not installed ({error}).",
            hint='For PostgreSQL: pip install "torchmagic[postgresql]"; or write postgresql+psycopg2:// or '
            "postgresql+psycopg:// for the one that is installed.",
        ) from error
    except (SQLAlchemyError, CalledProcessError, OSError) as error:
        reason = " ".join(str(getattr(error, "orig", None) or error).split())
        raise TorchmagicError(
            f"The gradebook {_shown(db_url)} cannot be opened ({reason}).",
            hint="Put a backup in its place, start its server, bring an old one up to date with `nbgrader db upgrade`, "
            "or mend `CourseDirectory.db_url` in nbgrader_config.py.",
        ) from error


def _known(gradebook: Gradebook) -> list[str]:
    return sorted(entry.name for entry in gradebook.assignments if entry.notebooks)


def demand_assignment(gradebook: Gradebook, assignment: str) -> None:
    """Make sure that the gradebook knows an assignment.

    Raises:
        TorchmagicError: it does not.
    """
    known = _known(gradebook)
    if assignment not in known:
        listed = f"It knows: {', '.join(known)}." if known else "It knows none yet."
        raise TorchmagicError(
            f"The gradebook has no assignment {assignment!r}. {listed}",
            hint="Make one known with `nbgrader generate_assignment NAME`.",
        )


def _shown(db_url: str) -> str:
    try:
        return make_url(db_url).render_as_string(hide_password=True)
    except SQLAlchemyError:
        return "at `CourseDirectory.db_url`"  # it may hold a password in an unknown place


def final_score(submission: Any) -> float:
    """What a submission counts: its points less the late penalty, at least 0, as nbgrader exports it."""
    return max(0.0, float(submission.score) - float(submission.late_submission_penalty or 0.0))


def gradebook_of(preprocessor: Any, resources: dict[str, Any]) -> Gradebook:
    """The gradebook for a preprocessor: from its converter's pool, or opened as nbgrader does."""
    pool: Gradebooks | None = getattr(preprocessor.parent.parent, "gradebooks", None)
    return pool.open() if pool is not None else Gradebook(resources["nbgrader"]["db_url"])
