"""The judge's side of the student's objects: values copied, functions called over the wire, gradients asked for.

A remote call is differentiable: its results hang, in the judge's own autograd graph, on the judge's inputs
and on copies of the student's leaves, and the backward pass asks the student for vector-Jacobian products.
Nothing here believes a word of the other side beyond the data it sends.
"""

from __future__ import annotations

import socket
import time
import weakref
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch

from graders.engine.exchange import Receiver, Sender, as_list
from graders.engine.remote_errors import remote_exception
from graders.engine.remote_object import CannotSend, RemoteError, RemoteObject, named_kind
from graders.engine.values import Decoder, Encoder, Json
from graders.engine.wire import Caps, Frame, WireError, recv_frame, send_frame


class NoSuchName(Exception):
    """The student's namespace lacks that name."""


class Student:
    """The judge's end of the wire to one student process.

    Attributes:
        deadline: ``time.monotonic()`` seconds after which a request gives up.
        on_print: called with (stream, text) for what the student's functions print.
        before_request: called before each request that runs code of the student's.
        silent_changes: whether the test cell may change leaves through ``.data``.
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
        self.silent_changes = False
        self._copies: weakref.WeakValueDictionary[int, torch.Tensor] = weakref.WeakValueDictionary()
        self._leaves: dict[int, torch.Tensor] = {}
        self._before: dict[int, torch.Tensor] = {}
        self._known: dict[int, tuple[int, tuple[int, int] | None]] = {}
        self._objects: weakref.WeakValueDictionary[int, RemoteObject] = weakref.WeakValueDictionary()
        self._by_name: set[int] = set()
        self._free: list[int] = []
        self._free_calls: list[int] = []
        self._seed = 0
        self._request_number = 0

    def run(self, source: str) -> Mapping[str, Json]:
        """Run one of the student's cells; gives status, outputs and the error's name and text.

        Raises:
            WireError: its process is gone, or no longer answers as it was made to.
        """
        reply = self._ask_shell({"op": "run", "source": source})
        result = reply.header.get("run")
        if not isinstance(result, dict) or not isinstance(result.get("outputs"), list):
            raise self._broke("the reply to a cell is malformed")
        return result

    def get(self, name: str) -> Any:
        """The value of a global name of the student's.

        Raises:
            NoSuchName: it is not defined there.
        """
        value = self._request({"op": "get", "name": name})
        if isinstance(value, RemoteObject):
            self._by_name.add(value._remote_handle)
        return value

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
        try:
            reply = self._request({"op": "call", "h": handle}, args=list(args), kwargs=dict(kwargs))
        except CannotSend as error:
            if handle in self._by_name:
                raise
            raise RemoteError(str(error)) from None  # whatever stands in the place of data is the student's own doing
        if not (isinstance(reply, list) and len(reply) == 3):
            raise self._broke("the reply to a call is malformed")
        result, _, changed = reply
        for index, value in changed:
            _replace(args[index], value)
        return result

    def recover(self, grace: float) -> bool:
        """After a timeout: wait ``grace`` seconds for the interrupted request's answer; False when none comes."""
        try:
            self._receive(time.monotonic() + grace)
        except WireError as error:
            self.broken = error
            return False
        self.broken = None
        return True

    def forget_leaves(self) -> None:
        """Let go of the student's leaves, when what was done to them has been sent."""
        self._leaves.clear()
        self._before.clear()

    def _remember(self, handle: int, tensor: torch.Tensor) -> None:
        if self.silent_changes:
            self._before[handle] = tensor.detach().clone()

    def _changed_silently(self, handle: int, tensor: torch.Tensor) -> bool:
        """Whether a leaf was changed through ``.data``, which no version counter tells."""
        before = self._before.get(handle)
        return before is not None and not torch.equal(before, tensor.detach())

    def watch_seed(self) -> None:
        """From now on a seed that the test sets reaches the student's generator too."""
        torch.default_generator.seed()
        self._seed = torch.initial_seed()

    def vjp(self, call: int, grads: list[Any], leaves: list[int], inputs: list[torch.Tensor], count: int) -> list[Any]:
        """The vector-Jacobian products of a call's results; differentiable where grad mode is on."""
        create = torch.is_grad_enabled()
        sender = Sender(self)
        header = {
            "op": "vjp",
            "call": call,
            "leaves": leaves,
            "create": create,
            "grads": sender.encode(grads),
        }
        reply = self._ask(header, sender.tensors)
        if create:
            result = self._value(reply, [*sender.inputs, *inputs], sender.originals)
        else:
            decoder = Decoder(reply.tensors, lambda node: None, lambda data, node: data)
            result = [None if node is None else decoder.elements(node) for node in as_list(reply.header.get("grads"))]
        if not isinstance(result, list) or len(result) != count:
            raise self._broke("the reply to a backward pass is malformed")
        return result

    def push(self) -> None:
        """Tell the student what the judge changed in copies of its tensors (values, gradients)."""
        outgoing = self._outgoing({})
        if "changed" in outgoing[0]:
            self._ask_shell({"op": "sync"}, outgoing)

    def forget_call(self, call: int) -> None:
        """Let the student free a call's graph with the next request."""
        self._free_calls.append(call)

    # -- requests ---------------------------------------------------------------------------------------

    def _request(self, header: dict[str, Json], **values: object) -> Any:
        sender = Sender(self)
        for name, value in values.items():
            header[name] = sender.encode(value)
        header["grad"] = torch.is_grad_enabled()
        if header["op"] != "get":
            self.before_request()
        reply = self._ask(header, sender.tensors)
        return self._value(reply, sender.inputs, sender.originals)

    def _ask_shell(
        self, header: dict[str, Json], outgoing: tuple[dict[str, Json], dict[str, torch.Tensor]] | None = None
    ) -> Frame:
        """Ask for what cannot fail over there unless the student's code has broken its own process."""
        try:
            return self._ask(header, {}, outgoing)
        except WireError:
            raise
        except Exception as error:
            raise self._broke(f"its shell does not work any more ({type(error).__name__}: {error})") from None

    def _ask(
        self,
        header: dict[str, Json],
        tensors: Mapping[str, torch.Tensor],
        outgoing: tuple[dict[str, Json], dict[str, torch.Tensor]] | None = None,
    ) -> Frame:
        if self.broken is not None:
            raise self.broken
        extra, extra_tensors = outgoing or self._outgoing(dict(tensors))
        self._request_number += 1
        frame = Frame({**header, **extra, "id": self._request_number}, {**tensors, **extra_tensors})
        try:
            send_frame(self.sock, frame, deadline=self.deadline)
            reply = self._receive(self.deadline)
            self._apply_changes(reply)
        except WireError as error:
            self.broken = error
            raise
        self._show_prints(reply.header.get("printed", ()))
        if "error" in reply.header:
            raise self._error(reply.header["error"])
        return reply

    def _receive(self, deadline: float) -> Frame:
        """The reply to the latest request; replies to earlier ones, of a child that goes on serving, are left out."""
        while True:
            reply = recv_frame(self.sock, caps=self.caps, deadline=deadline)
            number = reply.header.get("id")
            if number == self._request_number:
                return reply
            if type(number) is not int or not 0 < number < self._request_number:
                raise WireError("a reply to a question that was not asked")

    def _outgoing(self, taken: dict[str, torch.Tensor]) -> tuple[dict[str, Json], dict[str, torch.Tensor]]:
        """What goes along with each request: freed handles, changed copies, the generator's state."""
        header: dict[str, Json] = {}
        encoder = Encoder(_no_reference, lambda tensor: {}, dict(taken))
        changed = []
        for handle, copy in list(self._copies.items()):
            version, grad_state = self._known[handle]
            entry: dict[str, Json] = {"h": handle}
            if copy._version != version or self._changed_silently(handle, copy):
                entry["new"] = encoder.plain(copy)
                self._remember(handle, copy)
            if _grad_state(copy) != grad_state:
                entry["grad"] = None if copy.grad is None else encoder.plain(copy.grad)
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
            return Receiver(self, reply, inputs, originals).value()
        except WireError as error:
            self.broken = error
            raise

    def _apply_changes(self, reply: Frame) -> None:
        decoder = Decoder(reply.tensors, lambda node: None, lambda data, node: data)
        try:
            for change in as_list(reply.header.get("changed", [])):
                copy = self._copies.get(change["h"])
                if copy is None:
                    continue
                with torch.no_grad():
                    if "new" in change:
                        copy.copy_(decoder.elements(change["new"]))
                        self._remember(change["h"], copy)
                    if "grad" in change:
                        grad = change["grad"]
                        copy.grad = None if grad is None else decoder.elements(grad)
                self._known[change["h"]] = (copy._version, _grad_state(copy))
        except WireError:
            raise
        except Exception as error:  # whatever a malformed change leads to
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
        if tensor.is_leaf:
            self._leaves[handle] = tensor  # what a test does to it in one expression must outlive that expression
            self._remember(handle, tensor)
        self._known[handle] = (tensor._version, _grad_state(tensor))
        weakref.finalize(tensor, self._release, handle).atexit = False

    def remote(self, node: Mapping[str, Json]) -> RemoteObject:
        """The remote object for a reference; the same one while it lives."""
        handle = node["h"]
        if not isinstance(handle, int):
            raise WireError("a handle is no number")
        known = self._objects.get(handle)
        if known is None:
            known = named_kind(node)(self, handle, node)
            self._objects[handle] = known
            weakref.finalize(known, self._release, handle).atexit = False
        return known

    def _release(self, handle: int) -> None:
        if self._copies.get(handle) is None and self._objects.get(handle) is None:
            self._known.pop(handle, None)
            self._free.append(handle)


def _replace(target: object, value: object) -> None:
    """Make a mutable argument what the student's function made of its copy."""
    if isinstance(target, list | bytearray):
        target[:] = value  # type: ignore[call-overload]
    elif isinstance(target, dict | set):
        target.clear()
        target.update(value)  # type: ignore[call-overload, arg-type]
    elif isinstance(target, np.ndarray) and isinstance(value, np.ndarray) and value.shape == target.shape:
        target[...] = value


def _grad_state(tensor: torch.Tensor) -> tuple[int, int] | None:
    if not tensor.is_leaf or tensor.grad is None:
        return None
    return id(tensor.grad), tensor.grad._version


def _no_reference(value: object) -> dict[str, Json]:
    raise RemoteError("only tensors are sent here")
