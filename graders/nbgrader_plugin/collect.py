"""Collecting from an exchange that students write into: only what a submission's own student put there comes along.

An exchange folder is open to all its students, and nbgrader collects with the grader's rights. A link in a submission
would copy whatever it leads to, the hidden tests for example, into the work that is graded and shown to the student;
anybody may hand in under another name; and one unreadable name or file ends the collecting of all. Here each of these
is left out, with a line that says so, and the others are collected. For use in ``nbgrader_config.py``::

    c.ExchangeFactory.collect = "graders.nbgrader_plugin.collect.CarefulCollect"
    c.CarefulCollect.accounts = True  # where each student has a Unix account with the student's name
"""

from __future__ import annotations

import logging
import os
import pwd
import stat
import tempfile
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

from nbgrader.exchange.default import ExchangeCollect
from traitlets import Bool

DEPTH = 32
FILES = 10_000
_NEVER = datetime.min
_OPEN = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


class Refused(Exception):
    """This submission is not collected; the message says why."""


def copy_own(source: Path, target: Path, owner: int | None, limit: int, skipped: Callable[[str], None]) -> None:
    """Copy a folder that somebody else may be changing: regular files and folders, never through a link.

    Args:
        source: the folder.
        target: where its copy is made; must not be there.
        owner: the user id that all must belong to, or ``None`` for any.
        limit: the bytes that all files may have together.
        skipped: is told of each entry that is left out, and why.

    Raises:
        Refused: the folder is none, or somebody else's, or holds too much.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     source, target = Path(folder, "work"), Path(folder, "copy")
    ...     source.mkdir()
    ...     _ = (source / "ps1.ipynb").write_text("{}")
    ...     (source / "secret").symlink_to("/etc/passwd")
    ...     copy_own(source, target, None, 1000, print)
    ...     print(os.listdir(target))
    secret is a link
    ['ps1.ipynb']
    """
    try:
        descriptor = os.open(source, _OPEN | os.O_DIRECTORY)
    except OSError as error:
        raise Refused(f"it is no folder that can be opened ({error.strerror})") from error
    try:
        if owner is not None and os.fstat(descriptor).st_uid != owner:
            raise Refused("it belongs to somebody else")
        _Copy(owner, limit, skipped).folder(descriptor, target, ())
    finally:
        os.close(descriptor)


class _Copy:
    """One submission's copying: what is left of its limits."""

    def __init__(self, owner: int | None, limit: int, skipped: Callable[[str], None]) -> None:
        self._owner = owner
        self._bytes = limit
        self._files = FILES
        self._skipped = skipped

    def folder(self, descriptor: int, target: Path, inside: tuple[str, ...]) -> None:
        """Copy an open folder; ``inside`` are the names that lead to it."""
        if len(inside) > DEPTH:
            raise Refused(f"it has more than {DEPTH} folders in one another")
        target.mkdir()
        for name in sorted(os.listdir(descriptor)):
            self._files -= 1
            if self._files < 0:
                raise Refused(f"it has more than {FILES} files")
            self._entry(descriptor, name, target, (*inside, name))

    def _entry(self, parent: int, name: str, target: Path, inside: tuple[str, ...]) -> None:
        where = "/".join(inside)
        try:
            if stat.S_ISLNK(os.stat(name, dir_fd=parent, follow_symlinks=False).st_mode):
                return self._skipped(f"{where} is a link")
            descriptor = os.open(name, _OPEN, dir_fd=parent)  # a link that has just come here is an error
        except OSError as error:
            return self._skipped(f"{where} cannot be read ({error.strerror})")
        try:
            found = os.fstat(descriptor)
            if self._owner is not None and found.st_uid != self._owner:
                self._skipped(f"{where} belongs to somebody else")
            elif stat.S_ISDIR(found.st_mode):
                self.folder(descriptor, target / name, inside)
            elif stat.S_ISREG(found.st_mode):
                self._file(descriptor, target / name, found)
            else:
                self._skipped(f"{where} is no regular file")
        finally:
            os.close(descriptor)

    def _file(self, descriptor: int, target: Path, found: os.stat_result) -> None:
        with open(descriptor, "rb", closefd=False) as reading, target.open("xb") as writing:
            while piece := reading.read(min(1 << 20, self._bytes + 1)):
                self._bytes -= len(piece)
                if self._bytes < 0:
                    raise Refused("it is too large")
                writing.write(piece)
        os.utime(target, ns=(found.st_atime_ns, found.st_mtime_ns))


class CarefulCollect(ExchangeCollect):  # type: ignore[misc]
    """nbgrader's collecting, which takes from each submission only what its own student can have put there."""

    accounts = Bool(
        False,
        help="Students hand in from Unix accounts with their names: what another account owns is not collected.",
    ).tag(config=True)

    src_records: list[dict[str, Any]]

    def init_src(self) -> None:
        """Find the newest submission of each student, among those that can be."""
        super().init_src()
        self.src_records = [record for record in self.src_records if record["username"]]

    def _path_to_record(self, path: str) -> dict[str, Any]:
        """nbgrader's facts of a submission; nobody's, which ``init_src`` drops, if it cannot be one."""
        try:
            if os.path.basename(path).startswith("."):
                raise Refused("its name is no student's")
            try:
                record: dict[str, Any] = super()._path_to_record(path)
            except Exception as error:  # whatever a name that somebody made up does to the reading of times
                raise Refused("its name is no submission's") from error
            self._check_owner(Path(path), record["username"])
        except Refused as reason:
            self.log.error("Not collected: %s: %s", path, reason)
            return {"username": "", "filename": "", "timestamp": _NEVER}
        return record

    def _check_owner(self, path: Path, student: str) -> None:
        found = path.lstat()
        if not stat.S_ISDIR(found.st_mode):
            raise Refused("it is no folder")
        if self.accounts and found.st_uid != _account(student):
            raise Refused(f"it is not owned by {student}, whose name it bears, but by user id {found.st_uid}")

    def do_copy(self, src: str, dest: str, log: logging.Logger | None = None) -> None:
        """Copy one submission, by nbgrader's rules for sizes and names, out of a copy that nobody else can change."""

        def skipped(what: str) -> None:
            self.log.error("Not collected, of %s: %s", src, what)

        student = os.path.basename(src).rsplit("+", 3)[0]
        with tempfile.TemporaryDirectory(prefix="torchmagic-collect-") as folder:
            copied = os.path.join(folder, os.path.basename(dest))
            try:
                owner = _account(student) if self.accounts else None
                copy_own(Path(src), Path(copied), owner, 1000 * self.coursedir.max_dir_size, skipped)
            except Refused as reason:
                self.log.error("Not collected: %s: %s", src, reason)
                return
            super().do_copy(copied, dest, log)


def _account(student: str) -> int:
    """The user id of a student's account.

    Raises:
        Refused: there is none.
    """
    try:
        return pwd.getpwnam(student).pw_uid
    except KeyError as error:
        raise Refused(f"there is no account {student}") from error
