"""The student's process: runs cells, and answers the judge's questions about what they defined.

It never holds a test, an answer or a seed. Everything that leaves it is data or a handle, and the judge
believes none of it beyond the numbers.
"""

from __future__ import annotations

import importlib
import os
import select
import signal
import socket
import sys
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch

from graders.engine.arena import Arena
from graders.engine.borrowed import Borrowed
from graders.engine.frames import is_frame
from graders.engine.link import Link
from graders.engine.packing import Packer, Unpacker, as_list
from graders.engine.random_state import Generators
from graders.engine.remote_errors import RemoteErrors, describe_error
from graders.engine.student_lent import Lent
from graders.engine.student_objects import OPERATIONS, Objects, describe_signature, need
from graders.engine.student_shell import StudentShell
from graders.engine.values import Json, NotData
from graders.engine.wire import Caps, Frame, WireClosed

_TRUSTED_CAPS = Caps(header=1 << 30, body=1 << 40)


class _Missing(Exception):
    """No such global name."""


class StudentServer(Link):
    """Answers one judge over one socket, until it closes."""

    def __init__(self, sock: socket.socket, shell: StudentShell, arena: Arena | None = None) -> None:
        super().__init__(sock, "s", _TRUSTED_CAPS, arena)
        self.shell = shell
        self.objects = Objects()
        self.generators = Generators(strict=False)
        self._errors = RemoteErrors()
        self._fetched: dict[str, object] = {}
        self._lent = Lent(self)

    def serve_all(self) -> None:
        """Answer requests until the judge has gone."""
        signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])  # it ends what the student's code does, and not us
        signal.signal(signal.SIGINT, signal.default_int_handler)
        os.register_at_fork(after_in_child=self.sock.close)  # a child of the cell's that goes on must not answer too
        while True:
            try:
                frame = self.read()
            except WireClosed:
                return
            try:
                try:
                    self.serve(frame)
                except WireClosed:
                    return
                except Exception as error:  # a value that cannot be sent is an answer too: say so
                    self.send(
                        {"error": describe_error(error), "re": frame.header.get("id")}, Packer(self, results=True)
                    )
            except WireClosed:
                return
            self._nested = 0

    def read(self) -> Frame:
        """The next frame; an interrupt ends waiting for it amid the student's code, never the reading of it."""
        if not self._nested:
            return super().read()
        select.select([self.sock], [], [])
        signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
        try:
            return super().read()
        finally:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGINT])

    # -- what the judge asks ----------------------------------------------------------------------------

    def answer(self, request: Mapping[str, Json], unpacker: Unpacker, packer: Packer) -> dict[str, Json]:
        """Do what the judge asks; raises what the student's code raises, and an interrupt only meanwhile."""
        if self._nested == 1:
            signal.sigtimedwait([signal.SIGINT], 0)  # one that came too late: what it was to end has ended
        try:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGINT])  # may raise what is to be blocked again
            return self._answer(request, unpacker, packer)
        finally:
            signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])

    def _answer(self, request: Mapping[str, Json], unpacker: Unpacker, packer: Packer) -> dict[str, Json]:
        op = need(request, "op")
        if op == "run":
            return {"run": self.shell.run(need(request, "source"))}
        if op == "sync":
            return {}
        with torch.set_grad_enabled(bool(request.get("grad", True))):
            header = {"value": packer.pack(_WORK[op](self, request, unpacker))}
        if self._nested == 1:
            changed = [[number, packer.pack(self._contents(number))] for number in self._changed_containers()]
            if changed:
                header["containers"] = changed
            self.containers.clear()
        return header

    def _get(self, request: Mapping[str, Json], _: Unpacker) -> object:
        name = need(request, "name")
        if name not in self.shell.namespace:
            raise _Missing(name)
        value = self._fetched[name] = self.shell.namespace[name]
        return value

    def _bind(self, request: Mapping[str, Json], unpacker: Unpacker) -> object:
        values = unpacker.unpack(need(request, "values"))
        self.shell.namespace.update(zip(need(request, "names"), values, strict=True))
        for name in need(request, "unbind"):
            self.shell.namespace.pop(name, None)
        return None

    def _getattr(self, request: Mapping[str, Json], _: Unpacker) -> object:
        return getattr(self.objects.get(need(request, "h")), need(request, "name"))

    def _setattr(self, request: Mapping[str, Json], unpacker: Unpacker) -> object:
        value = unpacker.unpack(need(request, "value"))
        setattr(self.objects.get(need(request, "h")), need(request, "name"), value)
        return None

    def _call(self, request: Mapping[str, Json], unpacker: Unpacker) -> object:
        function: Any = self.objects.get(need(request, "h"))
        args, kwargs = unpacker.unpack(need(request, "args")), unpacker.unpack(need(request, "kwargs"))
        self._remember_containers()
        return function(*args, **kwargs)

    def _do(self, request: Mapping[str, Json], unpacker: Unpacker) -> object:
        operation = OPERATIONS[need(request, "what")]
        args = unpacker.unpack(need(request, "args"))
        self._remember_containers()
        return operation(*args)

    def _exit(self, request: Mapping[str, Json], unpacker: Unpacker) -> object:
        manager: Any = self.objects.get(need(request, "h"))
        described = request.get("raised")
        if described is None:
            return type(manager).__exit__(manager, None, None, None)
        error = self._errors.made(described, self)
        return bool(type(manager).__exit__(manager, type(error), error, None))

    def _signature(self, request: Mapping[str, Json], _: Unpacker) -> object:
        return describe_signature(self.objects.get(need(request, "h")))

    # -- arguments that are changed in place ------------------------------------------------------------

    def _remember_containers(self) -> None:
        for number, container in self.containers.by_number.items():
            if number not in self.containers.before:
                self.containers.before[number] = container.copy()

    def _changed_containers(self) -> list[int]:
        by_number = self.containers.by_number
        return [number for number, old in self.containers.before.items() if not _same(old, by_number[number])]

    def _contents(self, number: int) -> Any:
        """A changed container's contents, as another container, or it would go back as itself."""
        container = self.containers.by_number[number]
        return dict(container) if type(container) is dict else container.copy()

    # -- what goes along --------------------------------------------------------------------------------

    def along(self, header: dict[str, Json], packer: Packer) -> None:
        """What was printed, and what was done to the generators and to the test's modules."""
        if "run" not in header:
            header["printed"] = [o for o in self.shell.log.take() if o["output_type"] == "stream"]
        names = self.shell.namespace
        rebound = [name for name, value in self._fetched.items() if names.get(name) is not value]
        if rebound:
            header["rebound"] = rebound
            for name in rebound:
                del self._fetched[name]
        if self.forgotten:
            header["free_calls"], self.forgotten = self.forgotten, []
        self.generators.send(header, packer.encoder.put)
        self._lent.send(header, packer)

    def arrived(self, header: Mapping[str, Json], unpacker: Unpacker) -> None:
        """What the judge has let go of, and what it did to generators and optimizers."""
        self.tensors.release(header.get("free", ()))
        self.objects.free(header.get("free_objects", ()))
        for number in header.get("free_calls", ()):
            self.calls.by_number.pop(number, None)
        self.generators.take(header, unpacker.decoder.tensors)
        self._lent.take(header, unpacker)

    def refer(self, value: object, packer: Packer) -> dict[str, Json]:
        """An object of the test's by its number, one of the student's by its handle."""
        return self._lent.refer(value) or self.objects.describe(value)

    def resolve(self, node: Mapping[str, Json], unpacker: Unpacker) -> object:
        """What the judge refers to: an object of the student's, a library's, or one of the test's."""
        if "h" in node:
            return self.objects.get(node["h"])
        if "module" in node:
            return getattr(importlib.import_module(node["module"]), node["name"])
        return self._lent.resolve(node, unpacker)

    # -- what the student's code asks of the test's objects ---------------------------------------------

    def use(self, op: str, owner: Borrowed, values: Mapping[str, object] | None = None, **more: Json) -> Any:
        """Ask the judge to use an object of the test's; raises what that raises there."""
        return self.ask({"op": op, "k": owner._borrowed_number, **more}, values)

    def failed(self, error: BaseException) -> dict[str, Json]:
        """What the student's code raised, for the judge."""
        described = describe_error(error, self.objects.handle)
        described.update(missing=isinstance(error, _Missing), not_data=isinstance(error, NotData))
        return {"error": described}

    def error(self, described: Any) -> BaseException:
        """What an object of the test's raised, as the student's code sees it."""
        names = as_list(described.get("bases"))
        if names[:1] in (["StopIteration"], ["StopAsyncIteration"]):
            return StopIteration(*described.get("args") or ())
        return self._errors.made(described, self)


_WORK: dict[str, Callable[[StudentServer, Mapping[str, Json], Unpacker], object]] = {
    "get": StudentServer._get,
    "getattr": StudentServer._getattr,
    "setattr": StudentServer._setattr,
    "call": StudentServer._call,
    "do": StudentServer._do,
    "bind": StudentServer._bind,
    "exit": StudentServer._exit,
    "signature": StudentServer._signature,
}


def _same(old: Any, new: Any) -> bool:
    if type(old) is not type(new):
        return False
    if type(old) is np.ndarray:
        return bool(np.array_equal(old, new, equal_nan=old.dtype.kind in "fc"))
    if is_frame(old):
        return bool(old.equals(new))
    try:
        if isinstance(old, dict):
            return list(old) == list(new) and all(old[key] is new[key] for key in old)
        if isinstance(old, set | bytearray):
            return bool(old == new)
        return len(old) == len(new) and all(a is b for a, b in zip(old, new, strict=True))
    except Exception:  # a comparison of the student's own objects failed: say that it changed
        return False


def run_student(sock: socket.socket, shell: StudentShell, arena: Arena | None = None) -> None:
    """Serve the judge at the other end of ``sock`` until it closes; the process then ends."""
    shell.open()
    sys.argv = ["ipykernel"]
    StudentServer(sock, shell, arena).serve_all()
