"""The judge's side of the student's objects: values copied, functions called over the wire, gradients asked for.

A remote call is differentiable: its results hang, in the judge's own autograd graph, on the judge's inputs
and on copies of the student's leaves, and the backward pass asks the student for vector-Jacobian products.
Nothing here believes a word of the other side beyond the data it sends.
"""

from __future__ import annotations

import builtins
import socket
import time
import weakref
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch

from graders.engine.differentiable import attach
from graders.engine.remote_object import RemoteCallable, RemoteError, RemoteObject
from graders.engine.values import Decoder, Encoder, Json
from graders.engine.wire import Caps, Frame, WireError, recv_frame, send_frame

#: A function's StopIteration would silently end the test's own loop: it arrives as a RuntimeError instead.
_NOT_RAISED = {"StopIteration", "StopAsyncIteration", "GeneratorExit", "SystemExit", "KeyboardInterrupt", "BaseException"}


class NoSuchName(Exception):
    """The student's namespace lacks that name."""


class Student:
    """The judge's end of the wire to one student process.

    Attributes:
        deadline: ``time.monotonic()`` seconds after which a request gives up.
        on_print: called with (stream, text) for what the student's functions print.
        before_request: called before each request that runs code of the student's.
        broken: why the connection cannot be used any more, or "".
    """

    def __init__(self, sock: socket.socket, caps: Caps | None = None) -> None:
        self.sock = sock
        self.caps = caps or Caps()
        self.deadline = time.monotonic() + 3600.0
        self.on_print: Callable[[str, str], None] = lambda stream, text: None
        self.before_request: Callable[[], None] = lambda: None
        self.broken: WireError | None = None
        self.memory = False
        self._copies: weakref.WeakValueDictionary[int, torch.Tensor] = weakref.WeakValueDictionary()
        self._known: dict[int, tuple[int, tuple[int, int] | None]] = {}
        self._objects: weakref.WeakValueDictionary[int, RemoteObject] = weakref.WeakValueDictionary()
        self._free: list[int] = []
        self._free_calls: list[int] = []
        self._seed = 0

    def run(self, source: str) -> Mapping[str, Json]:
        """Run one of the student's cells; gives status, outputs and the error's name and text."""
        reply = self._ask({"op": "run", "source": source}, {})
        result = reply.header.get("run")
        if not isinstance(result, dict) or not isinstance(result.get("outputs"), list):
            raise WireError("the reply to a cell is malformed")
        return result

    def get(self, name: str) -> Any:
        """The value of a global name of the student's.

        Raises:
            NoSuchName: it is not defined there.
        """
        return self._request({"op": "get", "name": name})

    def getattr(self, handle: int, name: str) -> Any:
        """An attribute of a remote object."""
        return self._request({"op": "getattr", "h": handle, "name": name})

    def setattr(self, handle: int, name: str, value: object) -> None:
        """Set an attribute of a remote object."""
        self._request({"op": "setattr", "h": handle, "name": name}, value=value)

    def do(self, what: str, *args: object) -> Any:
        """One of the listed operations on a remote object."""
        return self._request({"op": "do", "what": what}, args=list(args))

    def call(self, handle: int, args: Sequence[object], kwargs: Mapping[str, object]) -> Any:
        """Call a remote function; arguments that it changes in place come back changed."""
        reply = self._request({"op": "call", "h": handle}, args=list(args), kwargs=dict(kwargs))
        if not (isinstance(reply, list) and len(reply) == 3):
            raise self._broke("the reply to a call is malformed")
        result, _, changed = reply
        for index, value in changed:
            _replace(args[index], value)
        return result

    def recover(self, grace: float) -> bool:
        """After a timeout: wait ``grace`` seconds for the interrupted request's answer; False when none comes."""
        try:
            recv_frame(self.sock, caps=self.caps, deadline=time.monotonic() + grace)
        except WireError as error:
            self.broken = error
            return False
        self.broken = None
        return True

    def watch_seed(self) -> None:
        """From now on a seed that the test sets reaches the student's generator too."""
        torch.seed()
        self._seed = torch.initial_seed()

    def vjp(self, call: int, grads: list[Any], leaves: list[int], inputs: list[torch.Tensor], count: int) -> list[Any]:
        """The vector-Jacobian products of a call's results; differentiable where grad mode is on."""
        create = torch.is_grad_enabled()
        sender = _Sender(self)
        header = {"op": "vjp", "call": call, "leaves": leaves, "create": create, "grads": sender.encode(grads)}
        reply = self._ask(header, sender.tensors)
        if create:
            result = self._value(reply, [*sender.inputs, *inputs], sender.originals)
        else:
            decoder = Decoder(reply.tensors, lambda node: None, lambda data, node: data)
            result = [None if node is None else decoder.elements(node) for node in _list(reply.header.get("grads"))]
        if not isinstance(result, list) or len(result) != count:
            raise self._broke("the reply to a backward pass is malformed")
        return result

    def push(self) -> None:
        """Tell the student what the judge changed in copies of its tensors (values, gradients)."""
        header, tensors = self._outgoing({})
        if "changed" in header:
            self._ask({"op": "sync"}, {}, (header, tensors))

    def forget_call(self, call: int) -> None:
        """Let the student free a call's graph with the next request."""
        self._free_calls.append(call)

    # -- requests ---------------------------------------------------------------------------------------

    def _request(self, header: dict[str, Json], **values: object) -> Any:
        sender = _Sender(self)
        for name, value in values.items():
            header[name] = sender.encode(value)
        header["grad"] = torch.is_grad_enabled()
        if header["op"] != "get":
            self.before_request()
        reply = self._ask(header, sender.tensors)
        return self._value(reply, sender.inputs, sender.originals)

    def _ask(
        self,
        header: dict[str, Json],
        tensors: Mapping[str, torch.Tensor],
        outgoing: tuple[dict[str, Json], dict[str, torch.Tensor]] | None = None,
    ) -> Frame:
        if self.broken is not None:
            raise self.broken
        extra, extra_tensors = outgoing or self._outgoing(dict(tensors))
        frame = Frame({**header, **extra}, {**tensors, **extra_tensors})
        try:
            send_frame(self.sock, frame, deadline=self.deadline)
            reply = recv_frame(self.sock, caps=self.caps, deadline=self.deadline)
            self._apply_changes(reply)
        except WireError as error:
            self.broken = error
            raise
        self._show_prints(reply.header.get("printed", ()))
        if "error" in reply.header:
            raise self._error(reply.header["error"])
        return reply

    def _outgoing(self, taken: dict[str, torch.Tensor]) -> tuple[dict[str, Json], dict[str, torch.Tensor]]:
        """What goes along with each request: freed handles, changed copies, the generator's state."""
        header: dict[str, Json] = {}
        encoder = Encoder(_no_reference, lambda tensor: {}, dict(taken))
        changed = []
        for handle, copy in list(self._copies.items()):
            version, grad_state = self._known[handle]
            entry: dict[str, Json] = {"h": handle}
            if copy._version != version:
                entry["new"] = _plain(encoder, copy)
            if _grad_state(copy) != grad_state:
                entry["grad"] = None if copy.grad is None else _plain(encoder, copy.grad)
            if len(entry) > 1:
                changed.append(entry)
                self._known[handle] = (copy._version, _grad_state(copy))
        if changed:
            header["changed"] = changed
        if self._free:
            header["free"], self._free = self._free, []
        if self._free_calls:
            header["free_calls"], self._free_calls = self._free_calls, []
        if self._seed and torch.initial_seed() != self._seed:
            header["rng"] = encoder.put(torch.get_rng_state())
        return header, encoder.tensors

    # -- replies ----------------------------------------------------------------------------------------

    def _value(self, reply: Frame, inputs: list[torch.Tensor], originals: Mapping[int, torch.Tensor]) -> Any:
        try:
            return _Receiver(self, reply, inputs, originals).value()
        except WireError as error:
            self.broken = error
            raise

    def _apply_changes(self, reply: Frame) -> None:
        decoder = Decoder(reply.tensors, lambda node: None, lambda data, node: data)
        try:
            for change in _list(reply.header.get("changed", [])):
                copy = self._copies.get(change["h"])
                if copy is None:
                    continue
                with torch.no_grad():
                    if "new" in change:
                        copy.copy_(decoder.elements(change["new"]))
                    if "grad" in change:
                        grad = change["grad"]
                        copy.grad = None if grad is None else decoder.elements(grad)
                self._known[change["h"]] = (copy._version, _grad_state(copy))
        except (KeyError, TypeError, RuntimeError, AttributeError) as error:
            raise WireError(f"a change does not fit its tensor ({error})") from None

    def _show_prints(self, printed: Any) -> None:
        for output in printed if isinstance(printed, list) else ():
            if isinstance(output, dict) and isinstance(output.get("text"), str):
                self.on_print("stderr" if output.get("name") == "stderr" else "stdout", output["text"])

    def _error(self, described: Any) -> BaseException:
        if not isinstance(described, dict):
            return self._broke("an error is malformed")
        text, name = str(described.get("text", ""))[:4000], str(described.get("name", "Exception"))[:200]
        if described.get("missing"):
            return NoSuchName(text)
        self.memory = self.memory or bool(described.get("memory"))
        bases = described.get("bases")
        return remote_exception(name, bases if isinstance(bases, list) else [], text)

    def _broke(self, why: str) -> WireError:
        self.broken = WireError(why)
        return self.broken

    # -- copies and handles -----------------------------------------------------------------------------

    def copy_of(self, handle: int) -> torch.Tensor | None:
        """The judge's copy of a student's tensor, if it still has one."""
        return self._copies.get(handle)

    def handle_of(self, tensor: torch.Tensor) -> int | None:
        """The handle of a copy."""
        handle = getattr(tensor, "_torchmagic_handle", None)
        return handle if isinstance(handle, int) and self._copies.get(handle) is tensor else None

    def keep_copy(self, handle: int, tensor: torch.Tensor) -> None:
        """Remember a fresh copy, so that the same tensor is one object here too."""
        tensor._torchmagic_handle = handle  # type: ignore[attr-defined]
        self._copies[handle] = tensor
        self._known[handle] = (tensor._version, _grad_state(tensor))
        weakref.finalize(tensor, self._release, handle).atexit = False

    def remote(self, node: Mapping[str, Json]) -> RemoteObject:
        """The remote object for a reference; the same one while it lives."""
        handle = node["h"]
        if not isinstance(handle, int):
            raise WireError("a handle is no number")
        known = self._objects.get(handle)
        if known is None:
            kind = RemoteCallable if node.get("callable") else RemoteObject
            known = kind(self, handle, node)
            self._objects[handle] = known
            weakref.finalize(known, self._release, handle).atexit = False
        return known

    def _release(self, handle: int) -> None:
        if self._copies.get(handle) is None and self._objects.get(handle) is None:
            self._known.pop(handle, None)
            self._free.append(handle)


class _Sender:
    """Encodes what the judge sends: copies of the student's leaves go as handles, all else as data."""

    def __init__(self, student: Student) -> None:
        self.student = student
        self.encoder = Encoder(self._reference, self._describe)
        self.inputs: list[torch.Tensor] = []
        self.originals: dict[int, torch.Tensor] = {}
        self._numbers: dict[int, int] = {}

    @property
    def tensors(self) -> dict[str, torch.Tensor]:
        return self.encoder.tensors

    def encode(self, value: object) -> Json:
        return self.encoder.encode(value)

    def _reference(self, value: object) -> dict[str, Json]:
        if isinstance(value, RemoteObject):
            return {"t": "ref", "h": value._remote_handle}
        if isinstance(value, torch.Tensor):
            raise RemoteError("a sparse or quantized tensor cannot be sent to the student's code yet")
        raise RemoteError(f"a {type(value).__name__} of the test cell cannot be sent to the student's code")

    def _describe(self, tensor: torch.Tensor) -> dict[str, Json]:
        handle = self.student.handle_of(tensor)
        if handle is not None and tensor.is_leaf:
            return {"t": "ref", "h": handle}
        number = self._numbers.setdefault(id(tensor), len(self._numbers))
        self.originals[number] = tensor
        facts: dict[str, Json] = {"n": number, "shape": list(tensor.shape)}
        if tensor.requires_grad and torch.is_grad_enabled():
            known = next((i for i, seen in enumerate(self.inputs) if seen is tensor), None)
            facts.update(rg=True, leaf=tensor.is_leaf, **{"in": len(self.inputs) if known is None else known})
            if known is None:
                self.inputs.append(tensor)
        return facts


class _Receiver:
    """Decodes one reply: copies of the student's tensors, joined to the judge's graph."""

    def __init__(
        self, student: Student, reply: Frame, inputs: list[torch.Tensor], originals: Mapping[int, torch.Tensor]
    ) -> None:
        self.student = student
        self.reply = reply
        self.inputs = inputs
        self.originals = originals
        self.decoder = Decoder(reply.tensors, student.remote, self._tensor)
        self.outputs: dict[int, torch.Tensor] = {}

    def value(self) -> Any:
        header = self.reply.header
        if "call" in header:
            self._attach(header)
        value = self.decoder.decode(header.get("value"))
        if isinstance(value, list) and len(value) == 3 and "value" in header and self.originals:
            self._change_originals(value[1])
        return value

    def _change_originals(self, changed: Any) -> None:
        for pair in changed if isinstance(changed, list) else ():
            original = self.originals.get(pair[0]) if isinstance(pair, list) and len(pair) == 2 else None
            if original is not None and isinstance(pair[1], torch.Tensor) and pair[1] is not original:
                with torch.no_grad():
                    try:
                        original.copy_(pair[1])
                    except RuntimeError as error:
                        raise WireError(f"an argument came back in another shape ({error})") from None

    def _attach(self, header: Mapping[str, Json]) -> None:
        leaves = [self.decoder.decode(node) for node in _list(header.get("leaves"))]
        if not all(isinstance(leaf, torch.Tensor) and leaf.is_leaf for leaf in leaves):
            raise WireError("a leaf is none")
        nodes = sorted(_outputs(header.get("value")), key=lambda node: int(node["out"]))
        if [node["out"] for node in nodes] != list(range(len(nodes))):
            raise WireError("the differentiable results are not numbered")
        data = [self.decoder.elements(node) for node in nodes]
        if not data or not all(item.is_floating_point() or item.is_complex() for item in data):
            raise WireError("a differentiable result is not of a floating dtype")
        names = [str(node.get("fn", ""))[:80] for node in nodes]
        call = header["call"]
        if not isinstance(call, int):
            raise WireError("a call is no number")
        handles = [self.student.handle_of(leaf) for leaf in leaves]
        results = attach(self.student, call, self.inputs, leaves, [h for h in handles if h is not None], data, names)
        self.outputs = dict(enumerate(results))

    def _tensor(self, data: torch.Tensor, node: Mapping[str, Json]) -> torch.Tensor:
        if "arg" in node:
            original = self.originals.get(node["arg"])
            if original is None:
                raise WireError("an argument that was never sent")
            return original
        handle = node.get("h")
        if not isinstance(handle, int):
            return data
        known = self.student.copy_of(handle)
        if known is not None:
            return known
        if "out" in node:
            tensor = self.outputs[node["out"]]
        else:
            tensor = torch.nn.Parameter(data, requires_grad=bool(node.get("rg"))) if node.get("param") else data
            if node.get("rg"):
                tensor = tensor.requires_grad_()
            if node.get("grad") is not None:
                tensor.grad = self.decoder.elements(node["grad"])
        self.student.keep_copy(handle, tensor)
        return tensor


def remote_exception(name: str, bases: list[Any], text: str) -> BaseException:
    """An exception of the student's as one that the test can catch: its built-in type, or one of its own name.

    >>> remote_exception("ValueError", ["ValueError", "Exception"], "no")
    ValueError('no')
    >>> isinstance(remote_exception("MyError", ["KeyError", "Exception"], "no"), KeyError)
    True
    """
    for base_name in bases:
        base = getattr(builtins, str(base_name), None)
        usable = isinstance(base, type) and issubclass(base, Exception) and base_name not in _NOT_RAISED
        if usable and (base_name == name or base_name != "Exception"):
            try:
                made: BaseException = base(text) if base_name == name else type(name, (base,), {})(text)
            except Exception:  # UnicodeDecodeError and its like want more arguments
                continue
            return made
    return type(name if name.isidentifier() else "StudentError", (RemoteError,), {})(text)


def _outputs(node: Any) -> list[Mapping[str, Json]]:
    """The JSON of each differentiable result in a value, found without recursion."""
    found: dict[Any, Mapping[str, Json]] = {}
    waiting = [node]
    while waiting:
        item = waiting.pop()
        if isinstance(item, dict):
            if item.get("t") == "tensor" and "out" in item:
                found.setdefault(item["out"], item)
            waiting.extend(v for k, v in item.items() if k == "v")
        elif isinstance(item, list):
            waiting.extend(item)
    if not all(isinstance(key, int) for key in found):
        raise WireError("the differentiable results are not numbered")
    return list(found.values())


def _replace(target: object, value: object) -> None:
    """Make a mutable argument what the student's function made of its copy."""
    if isinstance(target, list | bytearray):
        target[:] = value  # type: ignore[call-overload]
    elif isinstance(target, dict | set):
        target.clear()
        target.update(value)  # type: ignore[call-overload, arg-type]
    elif isinstance(target, np.ndarray) and isinstance(value, np.ndarray) and value.shape == target.shape:
        target[...] = value


def _plain(encoder: Encoder, tensor: torch.Tensor) -> Json:
    tensor = tensor.to_dense() if tensor.layout != torch.strided else tensor
    return {"i": encoder.put(tensor), "d": str(tensor.dtype), "dev": tensor.device.type, "shape": list(tensor.shape)}


def _grad_state(tensor: torch.Tensor) -> tuple[int, int] | None:
    if not tensor.is_leaf or tensor.grad is None:
        return None
    return id(tensor.grad), tensor.grad._version


def _no_reference(value: object) -> dict[str, Json]:
    raise RemoteError("only tensors are sent here")


def _list(value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise WireError("a list was expected")
    return value


