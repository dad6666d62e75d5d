"""Why a submission cannot be graded at all, in words for its student: looked at before anything opens or copies it."""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import nbformat
from nbformat.notebooknode import NotebookNode
from nbgrader.utils import parse_utc

from graders.engine.outputs import nesting

_MIB = 1 << 20
LARGEST_NOTEBOOK = 64 * _MIB
LARGEST_BESIDE = 64 * _MIB
LONGEST_PATH = 1000
MOST_CELLS = 10_000
DEEPEST = 100


def why_unreadable(path: Path) -> str:
    """What is wrong with a notebook's file, as in "NAME is empty"; "" where it can be graded."""
    why = why_no_file(path)
    if why:
        return why
    try:
        data = path.read_bytes()
    except OSError as error:
        return f"cannot be read ({error.strerror})"
    return read_notebook(data)[1]


def why_no_file(path: Path) -> str:
    """What is wrong with a notebook's place, before it is read; "" where a file of a fair size lies there."""
    if path.is_symlink() and not leads_into(path, path.parent.resolve()):
        return "is a link to a file elsewhere"
    if not path.is_file():
        return "is not a file"
    if path.stat().st_size > LARGEST_NOTEBOOK:
        return f"is larger than {LARGEST_NOTEBOOK // _MIB} MiB"
    return ""


def read_notebook(content: bytes) -> tuple[NotebookNode, str]:
    """The notebook in a file's bytes, and "" where it can be graded; else an empty one, and what is wrong.

    >>> read_notebook(b"[1]")[1]
    'is JSON but not a notebook'
    """
    nothing = NotebookNode()
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError:
        return nothing, "is not text"
    try:
        data = json.loads(text)
    except (ValueError, RecursionError):
        return nothing, "is empty" if not text.strip() else "is not a notebook (no valid JSON; was it cut off?)"
    why = _why_no_notebook(text, data)
    if why:
        return nothing, why
    try:
        notebook = nbformat.convert(nbformat.reader.reads(text), 4)  # nbformat.reads would validate it once more
        nbformat.validate(notebook)
    except Exception as error:  # nbformat's readers raise whatever a damaged structure leads to
        first = str(error).strip().splitlines()
        return nothing, f"is not a valid notebook ({first[0][:120] if first else type(error).__name__})"
    return notebook, ""


def _why_no_notebook(text: str, data: Any) -> str:
    if not isinstance(data, dict) or type(data.get("nbformat")) is not int:
        return "is JSON but not a notebook"
    if nesting(data) > DEEPEST:
        return f"is not a valid notebook (nested deeper than {DEEPEST} levels)"
    if "\\ud" in text.lower() and not _storable(data):
        return "is not a valid notebook (it holds characters that no file can hold)"
    if isinstance(data.get("cells"), list) and len(data["cells"]) > MOST_CELLS:
        return f"is not a valid notebook (it has more than {MOST_CELLS} cells)"
    return ""


def leads_into(link: Path, root: Path) -> bool:
    """Whether a link leads to something that is there, within ``root``."""
    try:
        return link.resolve(strict=True).is_relative_to(root)
    except (OSError, RuntimeError):  # it leads nowhere, or in a circle
        return False


def why_not_taken(path: Path) -> str:
    """What is wrong with the files beside a notebook, as in "NAME has a pipe beside it"; "" where they can be copied.

    A pipe would be waited for, and a device read, for ever.
    """
    room = LARGEST_BESIDE
    time = path.parent / "timestamp.txt"
    for other in _files_beside(path.parent):
        if len(os.fsencode(other.relative_to(path.parent))) > LONGEST_PATH:
            return f"has folders beside it whose path is longer than {LONGEST_PATH} bytes"
        try:
            found = other.stat()
        except OSError:  # a link to nowhere is no harm
            continue
        if not stat.S_ISREG(found.st_mode) and not stat.S_ISDIR(found.st_mode):
            return f"has {other.name!r} beside it, which is no file"
        room -= found.st_size if stat.S_ISREG(found.st_mode) and other.suffix != ".ipynb" else 0
        if room < 0:
            return f"has more than {LARGEST_BESIDE // _MIB} MiB of files beside it"
    return "has a timestamp.txt beside it that holds no time" if time.exists() and not _holds_time(time) else ""


def _files_beside(folder: Path) -> Iterator[Path]:
    for place, folders, files in os.walk(folder):
        yield from (Path(place, name) for name in (*folders, *files))


def _holds_time(path: Path) -> bool:
    """Whether nbgrader can read when it was handed in; an empty file says nothing, and no harm is done."""
    try:
        text = path.read_text().strip()
    except (ValueError, OSError):
        return False
    return _is_nbgraders(text) or _is_time(text)


def _is_nbgraders(text: str) -> bool:
    """Whether it is a time as nbgrader writes it: quickly told, and so nearly all of them are."""
    try:
        datetime.strptime(text, "%Y-%m-%d %H:%M:%S.%f UTC")
    except ValueError:
        return False
    return True


def _is_time(text: str) -> bool:
    try:
        parse_utc(text or None)
    except (ValueError, OverflowError):
        return False
    return True


def _storable(data: Any) -> bool:
    """False where a text holds a lone surrogate, which UTF-8 cannot write."""
    try:
        json.dumps(data, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return False
    return True
