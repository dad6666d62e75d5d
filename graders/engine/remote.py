"""A student's process as the judge knows it: values copied, objects by handle, functions called, callbacks answered.

Nothing here believes a word of the other side beyond the data it sends.
"""

from __future__ import annotations

import socket
import weakref
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch

from graders.engine.arena import Arena
from graders.engine.judge_link import JudgeLink
from graders.engine.lending import Lender, replace_contents
from graders.engine.packing import Packer, Unpacker, as_list
from graders.engine.random_state import Generators
from graders.engine.remote_errors import RemoteErrors, describe_error
from graders.engine.remote_object import CannotSend, RemoteError, RemoteObject, named_kind
from graders.engine.shown_types import known_class, known_function
from graders.engine.source_code import code_of, raised_on_purpose, read_signature
from graders.engine.values import Json
from graders.engine.wire import Caps, WireError


class NoSuchName(Exception):
    """The student's namespace lacks that name."""


class Student(JudgeLink):
    """The judge's end of the wire to one student process.

    Attributes:
        on_print: called with (stream, text) for what the student's functions print.
        on_rebound: called with the global names that the student's code has bound anew since they were fetched.
        silent_changes: whether the test cell may change leaves through ``.data``.
        memory: whether a function of the student's ran out of memory.
        refused: whether the test asked of an object what only data, or an object in the same process, can answer.
        sources: the cells of the student's that were run.
        lender: what the test hands to the student's functions.
        generators: the random generators that both sides share.
    """

    def __init__(
        self,
        sock: socket.socket,
        caps: Caps | None = None,
        generators: Generators | None = None,
        arena: Arena | None = None,
    ) -> None:
        super().__init__(sock, caps, arena)
        self.on_print: Callable[[str, str], None] = lambda stream, text: None
        self.on_rebound: Callable[[list[Any]], None] = lambda names: None
        self.memory = False
        self.refused = False
        self.sources: list[str] = []
        self.lender = Lender(self)
        self.generators = generators or Generators(strict=True)
        self._errors = RemoteErrors()
        self._objects: weakref.WeakValueDictionary[int, RemoteObject] = weakref.WeakValueDictionary()
        self._by_name: set[int] = set()
        self._free_objects: list[int] = []
        self._leaves: dict[int, torch.Tensor] = {}

    @property
    def silent_changes(self) -> bool:
        """Whether the test cell may change leaves through ``.data``."""
        return self.tensors.silent

    @silent_changes.setter
    def silent_changes(self, silent: bool) -> None:
        self.tensors.silent = silent

    # -- what the judge wants ---------------------------------------------------------------------------

    def run(self, source: str) -> Mapping[str, Json]:
        """Run one of the student's cells; gives status, outputs and the error's name and text.

        Raises:
            WireError: its process is gone, or no longer answers as it was made to.
        """
        self.sources.append(source)
        result = self._ask_shell({"op": "run", "source": source}).get("run")
        if not isinstance(result, dict) or not isinstance(result.get("outputs"), list):
            raise self._broke("the reply to a cell is malformed")
        return result

    def get(self, name: str) -> Any:
        """The value of a global name of the student's.

        Raises:
            NoSuchName: it is not defined there.
        """
        value = self.ask({"op": "get", "name": name})
        if isinstance(value, RemoteObject):
            self._by_name.add(value._remote_handle)
        return value

    def bind(self, bound: Mapping[str, object], unbound: Sequence[str]) -> None:
        """Bind global names of the student's to values, and unbind others."""
        if bound or unbound:
            header: dict[str, Json] = {"op": "bind", "names": list(bound), "unbind": list(unbound)}
            self.ask(header, {"values": list(bound.values())})

    def getattr(self, handle: int, name: str) -> Any:
        """An attribute of a remote object."""
        return self.ask({"op": "getattr", "h": handle, "name": name})

    def setattr(self, handle: int, name: str, value: object) -> None:
        """Set an attribute of a remote object."""
        self.ask({"op": "setattr", "h": handle, "name": name}, {"value": value})

    def do(self, what: str, *args: object) -> Any:
        """One of the listed operations on a remote object."""
        return self.ask({"op": "do", "what": what}, {"args": list(args)})

    def call(self, handle: int, args: Sequence[object], kwargs: Mapping[str, object]) -> Any:
        """Call a remote function; arguments that it changes in place come back changed."""
        try:
            return self.ask({"op": "call", "h": handle}, {"args": list(args), "kwargs": dict(kwargs)})
        except CannotSend as error:
            if handle in self._by_name:
                raise
            raise RemoteError(str(error)) from None  # whatever stands in the place of data is the student's own doing

    def described(self, what: str, function: RemoteObject) -> Any:
        """A function's ``__signature__``, or its ``__code__``, compiled here from the cell that defines it."""
        if what == "__signature__":
            return read_signature(self.ask({"op": "signature", "h": function._remote_handle}))
        names = (str(function.__qualname__), str(self.getattr(function._remote_handle, "__name__")))
        return code_of(self.sources, *names)

    def leave(self, manager: RemoteObject, error: BaseException | None) -> bool:
        """Leave a context manager; True where it may and does swallow what was raised within."""
        header: dict[str, Json] = {"op": "exit", "h": manager._remote_handle}
        if error is not None:
            header["raised"] = describe_error(error)
        swallowed = self.ask(header) is True and error is not None
        if swallowed and not raised_on_purpose(error):
            self.refused = True
            return False  # a check that failed, or an error in one: no object of the student's makes that undone
        return swallowed

    def meet(self) -> None:
        """Wait until the student's process answers."""
        self._ask_shell({"op": "sync"})

    def push(self) -> None:
        """Tell the student what the judge changed in copies of its tensors (values, gradients), if anything."""
        packer, header = Packer(self, results=False), {"op": "sync"}
        self.news(header, packer)
        if len(header) > 1:
            self._ask_shell(header, packer)

    def forget_leaves(self) -> None:
        """Let go of the student's leaves, when what was done to them has been sent."""
        self._leaves.clear()
        self.tensors.forget_silent()

    def exception_class(self, facts: Mapping[str, Any]) -> type[BaseException] | None:
        """For a class of exceptions of the student's: the one by which the judge raises them."""
        return self._errors.class_for(facts)

    # -- what comes along, and what comes back ----------------------------------------------------------

    def along(self, header: dict[str, Json], packer: Packer) -> None:
        """What the judge has let go of."""
        gone = self.tensors.take_gone()
        if gone:
            header["free"] = [list(name) for name in gone]
        if self._free_objects:
            free = [handle for handle in self._free_objects if handle not in self._objects]
            header["free_objects"], self._free_objects = free, []
        if self.forgotten:
            header["free_calls"], self.forgotten = self.forgotten, []

    def news(self, header: dict[str, Json], packer: Packer) -> None:
        """As :meth:`Link.news`, and what was done to generators and optimizers."""
        self.generators.send(header, packer.encoder.put)
        self.lender.send(header, packer)
        super().news(header, packer)

    def arrived(self, header: Mapping[str, Json], unpacker: Unpacker) -> None:
        """What the student's side printed, and what its functions did to generators, containers and modules."""
        printed = header.get("printed", ())
        for output in printed if isinstance(printed, list) else ():
            if isinstance(output, dict) and isinstance(output.get("text"), str):
                self.on_print("stderr" if output.get("name") == "stderr" else "stdout", output["text"])
        if "rebound" in header:
            self.on_rebound(as_list(header["rebound"]))
        for number in as_list(header["free_calls"]) if "free_calls" in header else ():
            self.calls.by_number.pop(number, None)
        self.generators.take(header, unpacker.decoder.tensors)
        self.lender.take(header, unpacker)

    def taken(self, header: Mapping[str, Json], unpacker: Unpacker) -> Any:
        """A reply's value; what was changed in place is put into the test's own containers first."""
        value = unpacker.result(header)
        for entry in as_list(header["containers"]) if "containers" in header else ():
            number, contents = as_list(entry)
            original = self.containers.by_number.get(number)
            if original is None:
                raise WireError("a container that was never sent")
            replace_contents(original, unpacker.unpack(contents))
        self._leaves.update(self.tensors.leaves_of("s"))  # what a test does to one must outlive the expression
        return value

    def refer(self, value: object, packer: Packer) -> dict[str, Json]:
        """A remote object by its handle; anything of the test's own as the lender says."""
        if isinstance(value, RemoteObject):
            return {"t": "ref", "h": value._remote_handle}
        if isinstance(value, type) and issubclass(value, BaseException) and self._errors.handle_of(value) is not None:
            return {"t": "ref", "h": self._errors.handle_of(value)}
        return self.lender.refer(value, packer)

    def resolve(self, node: Mapping[str, Json], unpacker: Unpacker) -> object:
        """The remote object for a reference, the same one while it lives; or the test's own object that came back."""
        if "k" in node:
            return self.lender.original(node["k"])
        handle = node["h"]
        if type(handle) is not int:
            raise WireError("a handle is no number")
        own = self._errors.class_for(node) or known_class(node) or known_function(node)
        if own is not None:
            return own
        known = self._objects.get(handle)
        if known is None:
            known = named_kind(node)(self, handle, node)
            self._objects[handle] = known
            weakref.finalize(known, self._free_objects.append, handle).atexit = False
        return known

    # -- what the student's functions ask of the test's own objects -------------------------------------

    def answer(self, request: Mapping[str, Json], unpacker: Unpacker, packer: Packer) -> dict[str, Json]:
        """Let the student's code use an object that the test handed to it."""
        with torch.set_grad_enabled(bool(request.get("grad", True))):
            return {"value": packer.pack(self.lender.use(request, unpacker))}

    def error(self, described: Any) -> BaseException:
        """The exception for an error of the student's."""
        if not isinstance(described, dict):
            return self._broke("an error is malformed")
        if described.get("missing"):
            return NoSuchName(str(described.get("text", ""))[:4000])
        owed = self._debt(1)
        if owed is not None:
            return owed
        self.memory = self.memory or bool(described.get("memory"))
        return self._errors.made(described, self)
