"""Whose file counts where a student's and an instructor's cannot both be there: the instructor's."""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from pathlib import Path, PurePosixPath


class Overlay:
    """The instructor's files as they lie over a student's.

    Args:
        files: relative paths of the instructor's files.

    >>> over = Overlay(["data/table.csv", "plain"])
    >>> [over.replaces(name) for name in ("data/table.csv", "data", "plain/x", "data/mine.csv", "other")]
    [True, True, True, False, False]
    """

    def __init__(self, files: Iterable[str]) -> None:
        self._files = frozenset(files)
        self._folders = {str(folder) for file in self._files for folder in PurePosixPath(file).parents}

    def replaces(self, place: str) -> bool:
        """Whether a student's file of that relative path gives way to one of the instructor's."""
        if place in self._files or place in self._folders:
            return True
        return any(str(folder) in self._files for folder in PurePosixPath(place).parents)


def make_way(root: Path, target: Path) -> None:
    """Remove what keeps a file from being written below ``root``: a file where a folder must be, or the reverse.

    Raises:
        OSError: it cannot be removed.
    """
    for folder in [*target.relative_to(root).parents][-2::-1]:  # from the outside in, but not the root itself
        place = root / folder
        if place.is_symlink() or place.is_file():
            place.unlink()
    if target.is_dir() and not target.is_symlink():
        shutil.rmtree(target)
    else:
        target.unlink(missing_ok=True)
    target.parent.mkdir(parents=True, exist_ok=True)
