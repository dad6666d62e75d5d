"""Feed the judge's end of the wire with replies that a fuzzer makes up.

Two shapes of input: any bytes at all as the stream, and any JSON as a reply, with elements that fit what it announces,
so that the fuzzer need not find out about lengths. Each answers two questions, for a value and for a backward pass
through it. What may happen is a value, an exception that the student's side described, or a WireError; memory stays
below libFuzzer's limit, and each input ends within its time.
"""

from __future__ import annotations

import contextlib
import io
import json
import math
import socket
import struct
import traceback
from collections.abc import Callable

import torch

from graders.engine import remote, wire
from graders.engine.deadline import Deadline
from graders.engine.random_state import Generators

_CAPS = wire.Caps(header=1 << 18, body=1 << 20)
_SECONDS = 5.0


class Unexpected(AssertionError):
    """The judge's end of the wire did what it must not."""


def one_input(data: bytes) -> None:
    """Let the judge ask for a value and differentiate it, with ``data`` as all that it is answered."""
    judges, students = socket.socketpair()
    for sock in (judges, students):
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4 << 20)
    with judges, students:
        students.setblocking(False)
        stream = data[1:] if data[:1] == b"\x00" else _framed(data)
        with contextlib.suppress(BlockingIOError):
            students.send(stream)
        students.shutdown(socket.SHUT_WR)
        generators = Generators(strict=True, seeds=frozenset([0]), text="seed")
        student = remote.Student(judges, _CAPS, generators)
        student.deadline = Deadline.after(_SECONDS)
        student.tensors.export(torch.ones(2, requires_grad=True))
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            value = _ask(student, lambda: student.get("x"))
            if isinstance(value, torch.Tensor) and value.requires_grad and value.numel() < 1000:
                _ask(student, lambda: value.sum().abs().backward())


def _ask(student: remote.Student, question: Callable[[], object]) -> object:
    try:
        return question()
    except wire.WireError:
        return None
    except Exception as error:
        if not _described(error):
            raise Unexpected(f"{type(error).__name__}: {error}") from error
        return None


def _described(error: Exception) -> bool:
    """Whether an exception is one that the student's side described, or torch's own about a gradient's shape."""
    last = traceback.extract_tb(error.__traceback__)[-1]
    return last.name in ("exchange", "_make_grads", "_engine_run_backward", "backward") or last.name == "apply"


def _framed(data: bytes) -> bytes:
    """A frame with ``data`` for its header and as many elements as that announces."""
    size = 0
    with contextlib.suppress(Exception):
        for _, dtype, shape in json.loads(data)[1:]:
            size += int(math.prod(shape)) * wire.dtype_by_name(dtype).itemsize
    size = max(0, min(size, _CAPS.body))
    prefix = struct.pack(">2sBBIQ", wire.MAGIC, wire.VERSION, 0, len(data), size)
    return prefix + data + bytes(i % 251 for i in range(size))
