"""The students' side of the exchange: fetch and submit one assignment, for many students one after the other."""

from __future__ import annotations

from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from nbgrader.auth import Authenticator
from nbgrader.coursedir import CourseDirectory
from nbgrader.exchange import ExchangeFactory
from traitlets.config import Config

from graders.nbgrader_plugin.said import saying_why


def exchange_step(config: Config, action: str, coursedir: CourseDirectory) -> Any:
    """One of nbgrader's exchange actions ("Submit", "Collect", ...), of the class that the course has configured."""
    authenticator = Authenticator(config=config)
    return getattr(ExchangeFactory(config=config), action)(
        coursedir=coursedir, authenticator=authenticator, config=config
    )


class StudentExchange:
    """Fetches and submits one assignment as nbgrader's commands do, with the objects that this takes made once.

    Args:
        config: the course's configuration.
        coursedir: its folder, with the assignment set.
    """

    def __init__(self, config: Config, coursedir: CourseDirectory) -> None:
        self._coursedir = coursedir
        self._assignment = coursedir.assignment_id
        self._fetch = exchange_step(config, "FetchAssignment", coursedir)
        self._submit = exchange_step(config, "Submit", coursedir)

    def fetch(self, student: str, home: Path) -> Path:
        """Fetch into a student's own folder, as ``nbgrader fetch_assignment`` does; gives the fetched folder.

        Raises:
            TorchmagicError: nbgrader could not.
        """
        self._fetch.assignment_dir = str(home)
        self._do(self._fetch, student, datetime.now(timezone.utc), f"fetch {self._assignment!r} for {student}")
        return Path(self._fetch.dest_path)

    def submit(self, student: str, home: Path, when: datetime | None = None) -> None:
        """Submit what a student's own folder holds, as ``nbgrader submit`` does.

        Args:
            when: the time that it is handed in at, with its time zone; now if not given.

        Raises:
            TorchmagicError: nbgrader could not.
        """
        self._submit.assignment_dir = str(home)
        when = when or datetime.now(timezone.utc)
        self._do(self._submit, student, when, f"submit {self._assignment!r} of {student}")

    def _do(self, action: Any, student: str, when: datetime, what: str) -> None:
        """The action's own steps, at the given time in place of now."""
        self._coursedir.student_id = student
        self._coursedir.assignment_id = self._assignment
        with saying_why(what, Path(self._coursedir.root)):
            action.ensure_root()
            action.set_timestamp()
            action.timestamp = when.astimezone(timezone.utc).strftime(action.timestamp_format)
            action.init_src()
            action.init_dest()
            action.copy_files()
