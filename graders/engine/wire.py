"""Length-capped frames over a socket: a JSON header and the bytes of tensors, never a pickle.

A frame is ``magic (2) · version (1) · reserved (1) · header length (4) · body length (8)``, big endian, then the
header (UTF-8 JSON: a list of one object and of one ``[key, dtype, shape]`` for each tensor) and the body (the tensors'
elements, one after the other, in that order). Where both sides share an arena, larger tensors lie there instead, and
their entry has a fourth field, the place. A reader decides by the lengths before it reads, takes memory only as
bytes arrive, and gives up at its deadline; whatever is wrong with a frame is a :class:`WireError` that says what.
``docs/reference/wire.md`` describes what the headers say.

The elements go from one process's memory to the other's without a copy between: that, not parsing, is what large
tensors cost. Safetensors would copy them twice on each side.
"""

from __future__ import annotations

import json
import math
import socket
import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from graders.engine.deadline import Deadline

if TYPE_CHECKING:  # the process that only reads reports does without torch and its second of importing
    import torch

    from graders.engine.arena import Arena

MAGIC = b"TM"
VERSION = 2
_to_json = json.JSONEncoder(separators=(",", ":"), allow_nan=False).encode
_PREFIX = struct.Struct(">2sBBIQ")
_PARTS_AT_ONCE = 64
#: Bytes of a header for which memory is taken before they arrive.
_AT_ONCE = 1 << 20
#: Seconds that a frame which has begun has after the deadline: half of one would spoil all that follow.
TO_FINISH = 1.0
_MOST_TENSORS = 100_000
_MOST_DIMENSIONS = 64


class WireError(Exception):
    """The other side broke the protocol: malformed, too large, or gone."""

    is_no_answer = True  # a check passes it on, whatever function of the student's it called


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


def encode_frame(frame: Frame, arena: Arena | None = None) -> tuple[bytes, list[memoryview]]:
    """The bytes of a frame: prefix with header, and the memory of each tensor that is not put into the arena.

    Tensors have to be dense, on the CPU, and contiguous.

    >>> head, body = encode_frame(Frame({"op": "get", "name": "x"}))
    >>> head[:2], head[16:], body
    (b'TM', b'[{"op":"get","name":"x"}]', [])
    """
    manifest: list[Any] = [[key, str(t.dtype)[6:], list(t.shape)] for key, t in frame.tensors.items()]
    elements = [_bytes(tensor) for tensor in frame.tensors.values()]
    parts: list[memoryview] = []
    places = arena.place([len(part) for part in elements]) if arena and elements else [None] * len(elements)
    for place, part, entry in zip(places, elements, manifest, strict=True):
        if place is None or arena is None:
            parts.append(part.numpy().data)
        else:
            arena.put(place, part)
            entry.append(place)
    header = _to_json([frame.header, *manifest]).encode()
    size = sum(len(part) for part in parts)
    return _PREFIX.pack(MAGIC, VERSION, 0, len(header), size) + header, parts


def send_frame(
    sock: socket.socket, frame: Frame, *, deadline: Deadline | None = None, arena: Arena | None = None
) -> None:
    """Send one frame.

    Args:
        deadline: when to give up, None to wait for ever. A frame is begun even after it, and has a second to get
            through.
        arena: memory shared with the other side, for large tensors.

    Raises:
        WireClosed: the other side is gone.
        WireTimeout: the other side did not take the bytes in time.
    """
    deadline = None if deadline is None else deadline.at_least(TO_FINISH)
    head, body = encode_frame(frame, arena)
    waiting = [memoryview(head), *(part for part in body if len(part))]
    try:
        while waiting:
            _set_timeout(sock, deadline, "the other side stopped reading")
            try:
                sent = sock.sendmsg(waiting[:_PARTS_AT_ONCE])
            except TimeoutError:
                continue
            while waiting and sent >= len(waiting[0]):
                sent -= len(waiting.pop(0))
            if sent:
                waiting[0] = waiting[0][sent:]
    except OSError as error:
        raise WireClosed(f"the other side is gone ({error.strerror})") from None


def recv_frame(
    sock: socket.socket, *, caps: Caps | None = None, deadline: Deadline | None = None, arena: Arena | None = None
) -> Frame:
    """Receive one frame.

    Raises:
        WireClosed: end of stream before a whole frame.
        WireTimeout: the deadline passed first.
        WireError: anything malformed or larger than ``caps``.
    """
    caps = caps or Caps()
    prefix = bytearray(_PREFIX.size)
    _fill(sock, memoryview(prefix), deadline)
    deadline = None if deadline is None else deadline.later(TO_FINISH)
    magic, version, _, header_length, body_length = _PREFIX.unpack(prefix)
    if magic != MAGIC:
        raise WireError("that is no frame of this protocol")
    if version != VERSION:
        raise WireError(f"that is a frame of version {version}, not {VERSION}")
    if header_length > caps.header or body_length > caps.body:
        raise WireError(f"a frame of {header_length} + {body_length} bytes is over the limit")
    header, manifest = _parse_header(_read(sock, header_length, deadline))
    if not manifest:
        if body_length:
            raise WireError("a body without tensors")
        return Frame(header)
    tensors: dict[str, torch.Tensor] = {}
    for key, shape, dtype, size, place in _planned(manifest, body_length, arena):
        tensor = None if place is None or arena is None else arena.lend(place, shape, dtype, size)
        if tensor is None:
            tensor = _empty(shape, dtype)
            if place is not None and arena is not None:
                arena.take(place, _bytes(tensor))
            elif size:
                _fill(sock, _bytes(tensor).numpy().data, deadline)
        if dtype == _bool():
            _make_valid(tensor)
        tensors[key] = tensor
    return Frame(header, tensors)


def _bytes(tensor: torch.Tensor) -> torch.Tensor:
    """The memory of a contiguous tensor as bytes, shared with it."""
    import torch

    flat = tensor.detach().reshape(-1)
    if flat.stride(0) != 1:  # one element, or none, may have any stride and still be contiguous
        flat = flat.as_strided(flat.shape, (1,))
    return flat.view(torch.uint8)


def _parse_header(data: bytearray) -> tuple[dict[str, Any], list[Any]]:
    try:
        parsed = json.loads(data.decode())
    except (ValueError, RecursionError):
        raise WireError("the header is not JSON") from None
    if not isinstance(parsed, list) or not parsed or not isinstance(parsed[0], dict):
        raise WireError("the header is not an object")
    return parsed[0], parsed[1:]


def _planned(
    manifest: list[Any], body_length: int, arena: Arena | None
) -> list[tuple[str, list[int], torch.dtype, int, int | None]]:
    """Key, shape, dtype, bytes and place of each tensor that is announced; WireError unless they fill the body."""
    planned: list[tuple[str, list[int], torch.dtype, int, int | None]] = []
    seen: set[str] = set()
    left = body_length
    for entry in manifest:
        if not isinstance(entry, list) or len(entry) < 3 or not isinstance(entry[0], str) or entry[0] in seen:
            raise WireError("the tensors cannot be read (an entry is malformed)")
        dtype, shape = dtype_by_name(entry[1]), entry[2]
        if not isinstance(shape, list) or not all(type(size) is int and 0 <= size < 1 << 48 for size in shape):
            raise WireError("the tensors cannot be read (a shape is malformed)")
        if len(shape) > _MOST_DIMENSIONS or len(planned) >= _MOST_TENSORS:
            raise WireError("the tensors cannot be read (there are too many of them, or of their dimensions)")
        size, place = math.prod(shape) * dtype.itemsize, None
        if len(entry) == 3:
            left -= size
        elif arena is None or len(entry) != 4 or not arena.holds(entry[3], size):
            raise WireError("the tensors cannot be read (an entry is malformed)")
        else:
            place = entry[3]
        seen.add(entry[0])
        planned.append((entry[0], shape, dtype, size, place))
    if left:
        raise WireError("the tensors cannot be read (they are not as large as the body)")
    return planned


def _empty(shape: list[int], dtype: torch.dtype) -> torch.Tensor:
    """Untouched memory for a tensor; WireError where there is none."""
    import torch

    try:
        return torch.empty(shape, dtype=dtype)
    except (RuntimeError, TypeError, NotImplementedError, MemoryError) as error:
        raise WireError(f"the tensors cannot be read ({error})") from None


def _make_valid(tensor: torch.Tensor) -> None:
    """A byte that is neither 0 nor 1 is no bool, and torch would take it for both."""
    as_bytes = _bytes(tensor)
    as_bytes.copy_(as_bytes != 0)


def _bool() -> torch.dtype:
    import torch

    return torch.bool


def dtype_by_name(name: object) -> torch.dtype:
    """The dtype of that name; WireError where there is none.

    >>> dtype_by_name("float32"), dtype_by_name("torch.int64")
    (torch.float32, torch.int64)
    """
    import torch

    text = str(name).removeprefix("torch.")
    found = torch.__dict__.get(text)  # not getattr, which imports parts of torch that are loaded lazily
    if not isinstance(found, torch.dtype) or text.startswith(("q", "bits")):
        raise WireError(f"there is no dtype {text[:40]!r} for plain elements")
    return found


def _read(sock: socket.socket, count: int, deadline: Deadline | None) -> bytearray:
    """Exactly ``count`` bytes; memory for them is taken as they arrive."""
    parts = bytearray(min(_AT_ONCE, count))
    _fill(sock, memoryview(parts), deadline)
    while len(parts) < count:
        room = bytearray(min(_AT_ONCE, count - len(parts)))
        _fill(sock, memoryview(room), deadline)
        parts += room
    return parts


def _fill(sock: socket.socket, room: memoryview, deadline: Deadline | None) -> None:
    """Receive until ``room`` is full."""
    while len(room):
        try:
            _set_timeout(sock, deadline, "no answer in time")
            count = sock.recv_into(room)
        except TimeoutError:
            continue
        except OSError as error:
            raise WireClosed(f"the other side is gone ({error.strerror})") from None
        if not count:
            raise WireClosed("the other side closed the connection")
        room = room[count:]


def _set_timeout(sock: socket.socket, deadline: Deadline | None, why: str) -> None:
    """Let the next call on a socket last until the deadline; WireTimeout, with ``why``, where that has passed."""
    if deadline is None:
        if sock.gettimeout() is not None:
            sock.settimeout(None)
        return
    left = deadline.left()
    if left <= 0:
        raise WireTimeout(why)
    sock.settimeout(left)
