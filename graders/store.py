"""Results of grading by hash: what was graded once is never run again, whenever the run was killed.

A file for each result, written whole or not at all: any number of graders share a store, on a network's disk too.
"""

from __future__ import annotations

import contextlib
import os
import time
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from graders.graded import Graded, from_json, to_json
from graders.whole_files import write_whole
from torchmagic.errors import TorchmagicError

_SUFFIX = ".json.z"
_LEVEL = 1
_DAY = 86_400


@dataclass(frozen=True, slots=True)
class Stored:
    """One stored result: its key, the bytes that it takes on disk, and when it was last written or used (seconds)."""

    key: str
    size: int
    used: float


class Store:
    """A folder of results.

    Args:
        folder: made where it is missing, when the first result is put into it.

    >>> import tempfile
    >>> store = Store(Path(tempfile.mkdtemp()))
    >>> key = "ab" * 32
    >>> store.put(key, Graded(()))
    >>> store.get(key), store.get("cd" * 32)
    (Graded(notebooks=(), lasting=True), None)
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def get(self, key: str) -> Graded | None:
        """The result with that key; None where there is none, or only a damaged one."""
        path = self._path(key)
        try:
            graded = from_json(zlib.decompress(path.read_bytes()))
        except FileNotFoundError:
            return None
        except (OSError, ValueError, zlib.error):  # cut off by a full disk or a power failure: it is run again
            return None
        self._use(path)
        return graded

    def _use(self, path: Path) -> None:
        """Say that it was used, once a day at the most; a store that cannot be written to can be read all the same."""
        with contextlib.suppress(OSError):
            if not 0 <= time.time() - path.stat().st_mtime < _DAY:
                os.utime(path)

    def put(self, key: str, graded: Graded) -> None:
        """Keep a result.

        Raises:
            OSError: it cannot be written.
        """
        path = self._path(key)
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, zlib.compress(to_json(graded), _LEVEL))

    def __iter__(self) -> Iterator[Stored]:
        for path in self.folder.glob(f"??/*{_SUFFIX}"):
            try:
                facts = path.stat()
            except FileNotFoundError:  # pruned meanwhile
                continue
            yield Stored(path.name.removesuffix(_SUFFIX), facts.st_size, facts.st_mtime)

    def remove(self, key: str) -> None:
        """Forget a result; one that is not there does no harm."""
        self._path(key).unlink(missing_ok=True)

    def remove_drafts(self) -> None:
        """Remove what killed graders have left half written, a day ago and longer."""
        for path in self.folder.glob("??/.*.part"):
            with contextlib.suppress(FileNotFoundError):
                if time.time() - path.stat().st_mtime > _DAY:
                    path.unlink()

    def _path(self, key: str) -> Path:
        if len(key) < 3 or not key.isalnum():
            raise TorchmagicError(f"{key!r} is no key of a stored result.", hint="`torchmagic store` lists them.")
        return self.folder / key[:2] / f"{key}{_SUFFIX}"
