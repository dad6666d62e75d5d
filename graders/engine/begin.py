"""What a waiting student's process is told when its submission comes: limits, scratch folder, files."""

from __future__ import annotations

import base64
import socket
from dataclasses import asdict, dataclass

from graders.engine.report import Limits
from graders.engine.wire import Caps, Frame, recv_frame, send_frame

_TRUSTED = Caps(header=1 << 30, body=0)


@dataclass(frozen=True, slots=True)
class Begin:
    """The start of one submission.

    Attributes:
        limits: what it may use.
        scratch: a folder to work in where there are no walls.
        archive: a tar of the files that its code may read.
    """

    limits: Limits
    scratch: str
    archive: bytes


def send_begin(sock: socket.socket, limits: Limits, scratch: str, archive: bytes, *, deadline: float) -> None:
    """Tell a waiting process to begin."""
    files = base64.b64encode(archive).decode()
    send_frame(sock, Frame({"limits": asdict(limits), "scratch": scratch, "files": files}), deadline=deadline)


def recv_begin(sock: socket.socket) -> Begin:
    """Wait to be told to begin; WireClosed when nobody will."""
    header = recv_frame(sock, caps=_TRUSTED).header
    return Begin(Limits(**header["limits"]), header["scratch"], base64.b64decode(header["files"]))
