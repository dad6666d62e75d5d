"""Hand in hostile and faulty submissions as they may arrive, and see what they left behind on the host.

Beyond what :mod:`graders.mutants` says, what lies in the notebook's ``place`` or ``beside`` it is one of

- ``{"text": "..."}`` or, for short, the text itself: a file;
- ``{"notebook": true}``: a file with the notebook that would have been handed in;
- ``{"release": "NAME"}``: the notebook of that assignment, as it was released;
- ``{"zeros": N}``: a file of N bytes that takes no room on disk;
- ``{"link": "TARGET"}``: a symbolic link;
- ``{"fifo": true}``, ``{"socket": true}``, ``{"folder": true}``: what they say;
- ``{"files": N}``: a folder of N empty files;
- ``{"nested": N, "name": "..."}``: N folders of that name, one in another.

In all texts, paths and link targets the words ``@COURSE@`` (the course's folder), ``@OUTSIDE@`` (a folder on the host
that is not the course's), ``@PORT@`` (where somebody listens on the host's loopback) and ``@SECRET@`` (the value of an
environment variable of the grader's) stand for what only a test knows.
"""

from __future__ import annotations

import contextlib
import os
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from graders.mutants import Mutant, build_submission


@dataclass(frozen=True, slots=True)
class Host:
    """What a hostile submission may know of the machine that grades it.

    Attributes:
        course: the course's folder.
        outside: a folder of the host's where nothing may appear.
        port: a port of the host's loopback that somebody listens on.
        secret: the value of an environment variable of the grader's.
    """

    course: Path
    outside: Path
    port: int
    secret: str

    def fill(self, text: str) -> str:
        """The text with its ``@WORDS@`` replaced.

        >>> Host(Path("/course"), Path("/out"), 8000, "s3cret").fill("@COURSE@/gradebook.db @PORT@")
        '/course/gradebook.db 8000'
        """
        words = {"COURSE": self.course, "OUTSIDE": self.outside, "PORT": self.port, "SECRET": self.secret}
        for word, value in words.items():
            text = text.replace(f"@{word}@", str(value))
        return text


def hand_in(mutant: Mutant, releases: Mapping[str, bytes], folder: Path, host: Host) -> None:
    """Lay a submission out in ``folder``, as the mutant says.

    Args:
        releases: the released notebooks, by assignment.
        folder: the student's ``submitted/STUDENT/ASSIGNMENT``; it is made.
    """
    folder.mkdir(parents=True)
    content = build_submission(releases[mutant.assignment], mutant, host.fill)
    place: Mapping[str, Any] = mutant.place or {"notebook": True}
    things = {} if content is None else {f"{mutant.assignment}.ipynb": place}
    for name, what in {**things, **mutant.beside}.items():
        path = folder / os.fsdecode(name.encode("utf-8", "surrogateescape"))
        path.parent.mkdir(parents=True, exist_ok=True)
        match {"text": what} if isinstance(what, str) else dict(what):
            case {"notebook": True}:
                path.write_bytes(content or b"")
            case {"release": str(other)}:
                path.write_bytes(releases[other])
            case {"text": str(text)}:
                path.write_text(host.fill(text), encoding="utf-8")
            case {"link": str(target)}:
                path.symlink_to(host.fill(target))
            case odd:
                _lay(path, odd)


def _lay(path: Path, what: Mapping[str, Any]) -> None:
    match what:
        case {"zeros": int(size)}:
            with path.open("wb") as file:
                file.truncate(size)
        case {"fifo": True}:
            os.mkfifo(path)
        case {"socket": True}:
            _socket(path)
        case {"folder": True}:
            path.mkdir()
        case {"files": int(count)}:
            path.mkdir()
            for number in range(count):
                (path / f"{number}.txt").touch()
        case {"nested": int(depth), "name": str(name)}:
            _nest(path, depth, name)
        case _:
            raise ValueError(f"{what!r} is nothing that can lie at {path}")


def _socket(path: Path) -> None:
    """A socket's file; its path may be longer than a socket's address."""
    folder = os.open(path.parent, os.O_RDONLY)
    with socket.socket(socket.AF_UNIX) as sock:
        sock.bind(f"/proc/self/fd/{folder}/{path.name}")
    os.close(folder)


def _nest(path: Path, depth: int, name: str) -> None:
    """Folders one in another, however long their path gets, and a file in the last."""
    path.mkdir()
    here = os.open(path, os.O_RDONLY)
    for _ in range(depth):
        os.mkdir(name, dir_fd=here)
        here, above = os.open(name, os.O_RDONLY, dir_fd=here), here
        os.close(above)
    os.close(os.open("last.txt", os.O_CREAT | os.O_WRONLY, dir_fd=here))
    os.close(here)


def left_behind(mutant: Mutant, host: Host, texts: Mapping[str, str]) -> list[str]:
    """What the mutant must not leave and did, in words; empty where all is well.

    Args:
        texts: what people read of it afterwards, by what it is.
    """
    files = map(host.fill, mutant.leaves_no.get("files", ()))
    found = [f"the file {name}" for name in files if os.path.lexists(name)]
    for marker in mutant.leaves_no.get("processes", ()):
        found += [f"process {pid} ({marker})" for pid in processes_alive(marker)]
    for word in map(host.fill, mutant.leaves_no.get("words", ())):
        found += [f"{word!r} in {what}" for what, text in texts.items() if word in text]
    for word in map(host.fill, mutant.leaves_no.get("feedback", ())):
        found += [f"{word!r} in the feedback"] if word in texts.get("feedback", "") else []
    size = sum(map(len, texts.values())) / 1e6
    return [*found, f"{size:.0f} MB"] if size > mutant.leaves_no.get("megabytes", size) else found


def processes_alive(marker: str) -> list[int]:
    """The processes of the host whose command line holds ``marker``.

    >>> processes_alive("no process has this in its command line" + "!")
    []
    """
    found = []
    for name in os.listdir("/proc"):
        if name.isdigit() and int(name) != os.getpid():
            with contextlib.suppress(OSError):
                if marker.encode() in Path("/proc", name, "cmdline").read_bytes():
                    found.append(int(name))
    return found
