"""Where a course keeps what grading leaves for the next run."""

from __future__ import annotations

from pathlib import Path

_FOLDER = ".torchmagic"


def store_folder(course: Path) -> Path:
    """The results by hash.

    >>> store_folder(Path("course")).as_posix()
    'course/.torchmagic/store'
    """
    return course / _FOLDER / "store"


def notes_folder(course: Path, assignment: str = "") -> Path:
    """The notes of what was finished of an assignment; without its name, the folder of them all.

    >>> notes_folder(Path("course"), "hw").as_posix()
    'course/.torchmagic/finished/hw'
    """
    return course / _FOLDER / "finished" / assignment
