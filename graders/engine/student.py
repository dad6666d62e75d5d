"""The student's process: runs cells, and answers the judge's questions about what they defined.

It never holds a test, an answer or a seed. Everything that leaves it is data or a handle, and the judge
believes none of it beyond the numbers.
"""

from __future__ import annotations

import operator
import os
import signal
import socket
import sys
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch

from graders.engine.student_objects import Objects, StudentDecoder, StudentEncoder, need
from graders.engine.student_shell import StudentShell, error_text, out_of_memory
from graders.engine.values import Json, NotData
from graders.engine.wire import Caps, Frame, WireClosed, recv_frame, send_frame

_TRUSTED_CAPS = Caps(header=1 << 30, body=1 << 40)

#: What the judge may do to a handle, besides reading and setting attributes and calling it.
OPERATIONS: dict[str, Callable[..., Any]] = {
    "len": len,
    "iter": iter,
    "next": next,
    "repr": repr,
    "str": str,
    "dir": dir,
    "abs": abs,
    "float": float,
    "int": int,
    "getitem": operator.getitem,
    "setitem": operator.setitem,
    "delitem": operator.delitem,
    "contains": operator.contains,
    **{name: getattr(operator, name) for name in ("add", "sub", "mul", "truediv", "floordiv", "mod", "pow", "matmul")},
    **{name: getattr(operator, name) for name in ("neg", "pos", "invert", "and_", "or_", "xor")},
    "enter": lambda manager: type(manager).__enter__(manager),
    "exit": lambda manager: type(manager).__exit__(manager, None, None, None),
}
_MUTABLE = (list, dict, set, bytearray, np.ndarray)


class _Missing(Exception):
    """No such global name."""


class StudentServer:
    """Answers one judge over one socket, until it closes."""

    def __init__(self, sock: socket.socket, shell: StudentShell) -> None:
        self.sock = sock
        self.shell = shell
        self.objects = Objects()

    def serve(self) -> None:
        """Answer requests until the judge has gone."""
        signal.signal(signal.SIGINT, signal.default_int_handler)
        os.register_at_fork(after_in_child=self.sock.close)  # a child of the cell's that goes on must not answer too
        while True:
            try:
                frame = recv_frame(self.sock, caps=_TRUSTED_CAPS)
            except WireClosed:
                return
            try:
                try:
                    send_frame(self.sock, self._reply(frame))
                except WireClosed:
                    return
                except Exception as error:  # a value that cannot be sent is an answer too: say so
                    send_frame(self.sock, Frame({"error": describe_error(error), "id": frame.header.get("id")}))
            except WireClosed:
                return

    def _reply(self, frame: Frame) -> Frame:
        request = frame.header
        encoder = StudentEncoder(self.objects)
        try:
            header = self._answer(request, frame.tensors, encoder)
        except BaseException as error:  # whatever the student's code raises is an answer, not our end
            encoder = StudentEncoder(self.objects)
            header = {"error": describe_error(error)}
        header["changed"] = encoder.changes()
        header["id"] = request.get("id")
        if request["op"] != "run":
            header["printed"] = [o for o in self.shell.log.take() if o["output_type"] == "stream"]
        return Frame(header, encoder.tensors)

    def _answer(
        self, request: Mapping[str, Json], tensors: Mapping[str, torch.Tensor], encoder: StudentEncoder
    ) -> dict[str, Json]:
        decoder = StudentDecoder(self.objects, tensors)
        self.objects.free(request.get("free", ()))
        for number in request.get("free_calls", ()):
            self.objects.calls.pop(number, None)
        self._apply_changes(request.get("changed", ()), decoder)
        if "rng" in request:
            torch.set_rng_state(tensors[request["rng"]])
        op = need(request, "op")
        if op == "run":
            return {"run": self.shell.run(need(request, "source"))}
        if op == "sync":
            return {}
        if op == "vjp":
            return self._vjp(request, decoder, encoder)
        work = {
            "get": self._get,
            "getattr": self._getattr,
            "setattr": self._setattr,
            "call": self._call,
            "do": self._do,
        }[op]
        with torch.set_grad_enabled(bool(request.get("grad", True))):
            result = work(request, decoder)
            encoder.arguments = {id(copy): number for number, copy in decoder.unchanged_copies().items()}
            inputs = [decoder.inputs[i] for i in sorted(decoder.inputs)]
            header = self._result(result, inputs, encoder)
            header["arg_grads"] = [
                [number, None if grad is None else encoder.plain(grad), in_place]
                for number, grad, in_place in decoder.changed_gradients()
            ]
            return header

    def _result(self, result: object, inputs: list[torch.Tensor], encoder: StudentEncoder) -> dict[str, Json]:
        header: dict[str, Json] = {"value": encoder.encode(result)}
        if encoder.outputs:
            header["leaves"] = encoder.leaves(inputs)
            header["call"] = self.objects.new_call(inputs, encoder.outputs)
        return header

    def _get(self, request: Mapping[str, Json], _: StudentDecoder) -> object:
        name = need(request, "name")
        if name not in self.shell.namespace:
            raise _Missing(name)
        return self.shell.namespace[name]

    def _getattr(self, request: Mapping[str, Json], _: StudentDecoder) -> object:
        return getattr(self.objects.get(need(request, "h")), need(request, "name"))

    def _setattr(self, request: Mapping[str, Json], decoder: StudentDecoder) -> object:
        setattr(
            self.objects.get(need(request, "h")),
            need(request, "name"),
            decoder.decode(need(request, "value")),
        )
        return None

    def _call(self, request: Mapping[str, Json], decoder: StudentDecoder) -> object:
        function: Any = self.objects.get(need(request, "h"))
        args = decoder.decode(need(request, "args"))
        kwargs = decoder.decode(need(request, "kwargs"))
        marked = _mark_mutable(args)
        result = function(*args, **kwargs)
        changed = [[number, copy.detach()] for number, copy in decoder.changed_copies().items()]
        return [result, changed, [[i, args[i]] for i, old in marked.items() if not _same(old, args[i])]]

    def _do(self, request: Mapping[str, Json], decoder: StudentDecoder) -> object:
        operation = OPERATIONS[need(request, "what")]
        return operation(*decoder.decode(need(request, "args")))

    def _vjp(self, request: Mapping[str, Json], decoder: StudentDecoder, encoder: StudentEncoder) -> dict[str, Json]:
        call = self.objects.calls[need(request, "call")]
        leaves: list[Any] = [self.objects.get(handle) for handle in need(request, "leaves")]
        grads = decoder.decode(need(request, "grads"))
        wanted = [(out, grad) for out, grad in zip(call.outputs, grads, strict=True) if grad is not None]
        create = bool(request.get("create"))
        results = vector_jacobian(wanted, [*call.inputs, *leaves], create=create)
        if not create:
            return {"grads": [None if grad is None else encoder.plain(grad) for grad in results]}
        inputs = [*(decoder.inputs[i] for i in sorted(decoder.inputs)), *call.inputs]
        return self._result(list(results), inputs, encoder)

    def _apply_changes(self, changes: Any, decoder: StudentDecoder) -> None:
        for change in changes:
            tensor: Any = self.objects.get(change["h"])
            shared = self.objects.tensors.get(change["h"])
            with torch.no_grad():
                if "new" in change:
                    tensor.copy_(decoder.decoder.elements(change["new"]))
                if "grad" in change:
                    grad = change["grad"]
                    tensor.grad = None if grad is None else decoder.decoder.elements(grad).to(tensor.device)
            if shared is not None:
                shared.version = tensor._version
                shared.grad_state = None if tensor.grad is None else (id(tensor.grad), tensor.grad._version)


def vector_jacobian(
    wanted: list[tuple[torch.Tensor, torch.Tensor]], inputs: list[torch.Tensor], *, create: bool
) -> tuple[torch.Tensor | None, ...]:
    """The vector-Jacobian products of outputs, each with its vector, for all inputs together.

    For real numbers the vectors enter as factors of a sum: the products are the same to the bit, and torch does not
    import sympy, as it does (for 0.3 s, in each fresh fork) when it is given vectors of its own.

    >>> x = torch.tensor([1.0, 2.0], requires_grad=True)
    >>> vector_jacobian([(x * x, torch.tensor([1.0, 10.0]))], [x], create=False)
    (tensor([ 2., 40.]),)
    """
    if any(out.is_complex() for out, _ in wanted):
        outputs, vectors = [out for out, _ in wanted], [vector for _, vector in wanted]
    else:
        outputs, vectors = [(out * vector).sum() for out, vector in wanted], None
    return torch.autograd.grad(outputs, inputs, vectors, retain_graph=True, create_graph=create, allow_unused=True)


def describe_error(error: BaseException) -> dict[str, Json]:
    """An exception as data: its name, the built-in classes it descends from, and its text."""
    return {
        "missing": isinstance(error, _Missing),
        "not_data": isinstance(error, NotData),
        "name": type(error).__name__[:200],
        "bases": [base.__name__ for base in type(error).__mro__ if base.__module__ == "builtins"],
        "text": error_text(error),
        "memory": out_of_memory(error),
    }


def _mark_mutable(args: list[Any]) -> dict[int, Any]:
    kept: dict[int, Any] = {}
    for index, value in enumerate(args):
        if type(value) in _MUTABLE:
            kept[index] = value.copy()
    return kept


def _same(old: Any, new: Any) -> bool:
    if type(old) is np.ndarray:
        return bool(np.array_equal(old, new, equal_nan=old.dtype.kind in "fc"))
    try:
        if isinstance(old, list):
            return len(old) == len(new) and all(a is b for a, b in zip(old, new, strict=True))
        if isinstance(old, dict):
            return list(old) == list(new) and all(old[key] is new[key] for key in old)
        return bool(old == new)
    except Exception:  # a comparison of the student's own objects failed: say that it changed
        return False


def run_student(sock: socket.socket, shell: StudentShell) -> None:
    """Serve the judge at the other end of ``sock`` until it closes; the process then ends."""
    shell.open()
    sys.argv = ["ipykernel"]
    StudentServer(sock, shell).serve()
