"""Length-capped frames over a socket: a JSON header and a body of tensor bytes, never a pickle.

A frame is ``magic (2) · version (1) · reserved (1) · header length (4) · body length (8)``, big endian,
then the header (UTF-8 JSON, one object) and the body (a safetensors blob, or nothing). A reader decides by
the lengths before it reads, takes memory only as bytes arrive, and gives up at its deadline; whatever is
wrong with a frame is a :class:`WireError` that says what.
"""

from __future__ import annotations

import json
import socket
import struct
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # the process that only reads reports does without torch and its second of importing
    import torch

MAGIC = b"TM"
VERSION = 1
_PREFIX = struct.Struct(">2sBBIQ")
_CHUNK = 1 << 20


class WireError(Exception):
    """The other side broke the protocol: malformed, too large, or gone."""


class WireClosed(WireError):
    """The other side closed the connection: its process ended."""


class WireTimeout(WireError):
    """No complete frame before the deadline."""


@dataclass(frozen=True, slots=True)
class Caps:
    """The largest header and body, in bytes, that a reader accepts."""

    header: int = 16 << 20
    body: int = 512 << 20


@dataclass(frozen=True, slots=True)
class Frame:
    """One message: a JSON object and the tensors that it refers to by key."""

    header: Mapping[str, Any]
    tensors: Mapping[str, torch.Tensor] = field(default_factory=dict)


def encode_frame(frame: Frame) -> tuple[bytes, bytes]:
    """The bytes of a frame: prefix with header, and body.

    >>> head, body = encode_frame(Frame({"op": "get", "name": "x"}))
    >>> head[:2], body
    (b'TM', b'')
    """
    header = json.dumps(frame.header, separators=(",", ":"), allow_nan=False).encode()
    body = b""
    if frame.tensors:
        from safetensors.torch import save

        body = save(dict(frame.tensors))
    return _PREFIX.pack(MAGIC, VERSION, 0, len(header), len(body)) + header, body


def send_frame(sock: socket.socket, frame: Frame, *, deadline: float | None = None) -> None:
    """Send one frame.

    Args:
        deadline: ``time.monotonic()`` seconds after which to give up, None to wait for ever.

    Raises:
        WireClosed: the other side is gone.
        WireTimeout: the other side did not take the bytes in time.
    """
    head, body = encode_frame(frame)
    try:
        for part in (head, body):
            if part:
                sock.settimeout(_remaining(deadline))
                sock.sendall(part)
    except TimeoutError:
        raise WireTimeout("the other side stopped reading") from None
    except OSError as error:
        raise WireClosed(f"the other side is gone ({error.strerror})") from None


def recv_frame(sock: socket.socket, *, caps: Caps | None = None, deadline: float | None = None) -> Frame:
    """Receive one frame.

    Raises:
        WireClosed: end of stream before a whole frame.
        WireTimeout: the deadline passed first.
        WireError: anything malformed or larger than ``caps``.
    """
    caps = caps or Caps()
    prefix = _recv_exactly(sock, _PREFIX.size, deadline)
    magic, version, _, header_length, body_length = _PREFIX.unpack(prefix)
    if magic != MAGIC or version != VERSION:
        raise WireError("that is no frame of this protocol")
    if header_length > caps.header or body_length > caps.body:
        raise WireError(f"a frame of {header_length} + {body_length} bytes is over the limit")
    header_bytes = _recv_exactly(sock, header_length, deadline)
    body = _recv_exactly(sock, body_length, deadline) if body_length else b""
    return Frame(_parse_header(header_bytes), _parse_body(body))


def _parse_header(data: bytes) -> dict[str, Any]:
    try:
        header = json.loads(data)
    except (ValueError, RecursionError):
        raise WireError("the header is not JSON") from None
    if not isinstance(header, dict):
        raise WireError("the header is not an object")
    return header


def _parse_body(body: bytes) -> dict[str, torch.Tensor]:
    if not body:
        return {}
    from safetensors.torch import load

    try:
        tensors: dict[str, torch.Tensor] = load(body)
        return tensors
    except Exception as error:  # the parser's own errors have no common type; each of them means: malformed
        raise WireError(f"the tensors cannot be read ({error})") from None


def _recv_exactly(sock: socket.socket, count: int, deadline: float | None) -> bytes:
    parts = bytearray()
    while len(parts) < count:
        try:
            sock.settimeout(_remaining(deadline))
            chunk = sock.recv(min(_CHUNK, count - len(parts)))
        except TimeoutError:
            raise WireTimeout("no answer in time") from None
        except OSError as error:
            raise WireClosed(f"the other side is gone ({error.strerror})") from None
        if not chunk:
            raise WireClosed("the other side closed the connection")
        parts += chunk
    return bytes(parts)


def _remaining(deadline: float | None) -> float | None:
    if deadline is None:
        return None
    left = deadline - time.monotonic()
    if left <= 0:
        raise WireTimeout("no answer in time")
    return left
