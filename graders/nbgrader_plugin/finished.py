"""What is left of a graded submission in the course's folder: the autograded files, and a note by which it is known.

The note is written last: whatever a killed run leaves without one is finished again, out of the store.
"""

from __future__ import annotations

import contextlib
import glob
import hashlib
import json
import os
import shutil
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

from nbgrader.converters import Autograde
from nbgrader.utils import rmtree

from graders.graded import Graded
from graders.nbgrader_plugin.package import Handed, Package
from graders.whole_files import write_whole

_TRIES = 20
_OLD = 3600.0


@dataclass(frozen=True, slots=True)
class Note:
    """What was finished for one student.

    Attributes:
        key: of the result in the store.
        settings: of the course when it was written; others may give other penalties.
        timestamp: when it was handed in, as text; "" where nobody knows.
        late: seconds by which it was late.
        scores: automatic scores as written into the gradebook, by "notebook/grade_id".
        files: size and time (nanoseconds) of each autograded notebook.
        outcome, message, not_tamper_proof: what the table of results said.
    """

    student: str
    key: str
    settings: str
    timestamp: str
    late: float
    scores: Mapping[str, float | None]
    files: Mapping[str, tuple[int, int]]
    outcome: str
    message: str = ""
    not_tamper_proof: tuple[str, ...] = ()

    def by_cell(self) -> Iterator[tuple[tuple[str, str], float | None]]:
        """The scores, by notebook and grade_id."""
        for place, score in self.scores.items():
            notebook, _, name = place.partition("/")
            yield (notebook, name), score


class Notes:
    """The notes of one assignment, in a folder; one that cannot be read counts as missing."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def get(self, student: str) -> Note | None:
        """The note of a student, if there is one."""
        return _read(self._path(student))

    def put(self, note: Note) -> None:
        """Write a note."""
        self._folder.mkdir(parents=True, exist_ok=True)
        write_whole(self._path(note.student), json.dumps(asdict(note)).encode())

    def __iter__(self) -> Iterator[Note]:
        for path in sorted(self._folder.glob("*.json")):
            note = _read(path)
            if note is not None:
                yield note

    def _path(self, student: str) -> Path:
        # an id may be as long as a file's name can be
        return self._folder / f"{hashlib.sha256(student.encode('utf-8', 'replace')).hexdigest()[:40]}.json"


def _read(path: Path) -> Note | None:
    try:
        data: dict[str, Any] = json.loads(path.read_bytes())
        files = {name: (int(size), int(when)) for name, (size, when) in data.pop("files").items()}
        return Note(**{**data, "files": files, "not_tamper_proof": tuple(data["not_tamper_proof"])})
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def file_facts(folder: Path, notebooks: Iterable[str]) -> dict[str, tuple[int, int]]:
    """Size and time of autograded notebooks; those that are missing are left out."""
    facts = {}
    for name in notebooks:
        try:
            found = (folder / f"{name}.ipynb").stat()
        except OSError:
            continue
        facts[name] = (found.st_size, found.st_mtime_ns)
    return facts


def write_autograded(
    converter: Autograde, folder: Path, package: Package, handed: Handed, graded: Graded, slips: Mapping[str, bytes]
) -> None:
    """Put the autograded notebooks and the files beside them into ``folder``, in place of what is there.

    Others see the old folder or the new one, never a mixture.

    Raises:
        OSError: it cannot be written; what was there before stays.
    """
    _remove_drafts(folder)
    draft = folder.parent / f".{folder.name}.{uuid4().hex}"
    draft.mkdir(parents=True)
    try:
        contents = {**handed.files, **slips, **package.files}
        contents.update({f"{notebook.name}.ipynb": notebook.text.encode() for notebook in graded.notebooks})
        mode = int(str(converter.permissions), 8)
        for name, content in contents.items():
            path = draft / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
            path.chmod(mode)
        _put_in_place(draft, folder)
    except BaseException:
        shutil.rmtree(draft, ignore_errors=True)
        raise


def _remove_drafts(folder: Path) -> None:
    """Remove what a killed grader has left beside ``folder``; what is younger may be another grader's."""
    for draft in folder.parent.glob(f".{glob.escape(folder.name)}.*"):
        with contextlib.suppress(OSError):
            if time.time() - draft.stat().st_mtime > _OLD:
                rmtree(str(draft))


def _put_in_place(draft: Path, folder: Path) -> None:
    """Swap the folders; another grader may be about to do the same."""
    for attempt in range(_TRIES):
        old = folder.parent / f".{folder.name}.{uuid4().hex}"
        had_one = _renamed(folder, old)
        try:
            os.rename(draft, folder)
        except OSError:
            taken = folder.exists()
            if had_one and not taken:
                os.rename(old, folder)
            if not taken or attempt == _TRIES - 1:
                raise
        else:
            return
        finally:
            if old.exists():
                rmtree(str(old))


def _renamed(path: Path, to: Path) -> bool:
    """Move a folder aside; False where there is none."""
    try:
        os.rename(path, to)
    except FileNotFoundError:
        return False
    return True
