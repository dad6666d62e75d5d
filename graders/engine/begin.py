"""What a waiting student's process is told when its submission comes: limits, scratch folder, files."""

from __future__ import annotations

import base64
import socket
from collections.abc import Mapping
from dataclasses import dataclass

from graders.engine.deadline import Deadline
from graders.engine.report import Limits, facts
from graders.engine.wire import Caps, Frame, recv_frame, send_frame

_TRUSTED = Caps(header=1 << 30, body=0)


@dataclass(frozen=True, slots=True)
class Begin:
    """The start of one submission.

    Attributes:
        limits: what it may use.
        scratch: a folder to work in where there are no walls.
        files: what its code may read, by relative path.
        core: the processor core that its code has to keep to; None for any.
    """

    limits: Limits
    scratch: str
    files: Mapping[str, bytes]
    core: int | None = None


def send_begin(sock: socket.socket, begin: Begin, *, deadline: Deadline) -> None:
    """Tell a waiting process to begin."""
    files = {name: base64.b64encode(content).decode() for name, content in begin.files.items()}
    header = {"limits": facts(begin.limits), "scratch": begin.scratch, "files": files, "core": begin.core}
    send_frame(sock, Frame(header), deadline=deadline)


def recv_begin(sock: socket.socket) -> Begin:
    """Wait to be told to begin; WireClosed when nobody will."""
    header = recv_frame(sock, caps=_TRUSTED).header
    files = {name: base64.b64decode(content) for name, content in header["files"].items()}
    return Begin(Limits(**header["limits"]), header["scratch"], files, header["core"])
