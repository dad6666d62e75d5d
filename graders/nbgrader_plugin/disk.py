"""What to say where the course's folder cannot be written to."""

from __future__ import annotations

import contextlib
import errno
import tempfile
from collections.abc import Iterator
from pathlib import Path

from torchmagic.errors import TorchmagicError

_HINTS = {
    errno.ENOSPC: "Free some space and run the same command again.",
    errno.EDQUOT: "Free some of your quota and run the same command again.",
    errno.EROFS: "Make the folder writable, or copy the course to where it is; then run the same command again.",
    errno.EACCES: "Make the folder writable for you, or grade as its owner; then run the same command again.",
    errno.EPERM: "Make the folder writable for you, or grade as its owner; then run the same command again.",
}


def demand_writable(folder: Path) -> None:
    """Make sure that a folder is there and files can be written into it, before any work is done for nothing.

    Raises:
        TorchmagicError: they cannot.
    """
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass


@contextlib.contextmanager
def writing(where: Path, kept: str = "Nothing was changed") -> Iterator[None]:
    """Turn what the operating system refuses into words.

    Args:
        where: what is being written.
        kept: what is not lost, as a sentence without its full stop.

    Raises:
        TorchmagicError: it cannot be written.

    >>> with writing(Path("/proc/x")):
    ...     Path("/proc/x").mkdir()
    Traceback (most recent call last):
        ...
    torchmagic.errors.TorchmagicError: Cannot write /proc/x (No such file or directory). Nothing was changed. ...
    """
    try:
        yield
    except OSError as error:
        hint = _HINTS.get(error.errno or 0, "See to it and run the same command again.")
        reason = error.strerror or type(error).__name__
        raise TorchmagicError(f"Cannot write {where} ({reason}). {kept}.", hint=hint) from error
