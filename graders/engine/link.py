"""One end of the wire between a judge and a student's process: ask, answer, and serve what is asked in between.

While one side waits for an answer the other may ask back: a student's function calls a function that the test handed to
it, or a backward pass needs what the other side computed. So every message carries along what its sender did to tensors
that both know, and each side answers questions while it waits.
"""

from __future__ import annotations

import socket
from collections.abc import Mapping
from typing import Any

import torch

from graders.engine.arena import Arena
from graders.engine.deadline import Deadline
from graders.engine.differentiable import Calls, GraphNode, describe_graph, graph_of, vector_jacobian
from graders.engine.packing import Containers, Packer, Unpacker, as_list
from graders.engine.shared_tensors import SharedTensors
from graders.engine.values import Json
from graders.engine.wire import Caps, Frame, WireError, recv_frame, send_frame

MOST_NESTED = 40


def _malformed(error: Exception) -> WireError:
    """Whatever a message leads to while it is taken apart means that it was malformed."""
    return WireError(f"a message does not fit together ({type(error).__name__}: {error})"[:300])


class Link:
    """What both ends have in common; ``me`` is ``"j"`` or ``"s"``.

    Attributes:
        deadline: when a question gives up; None to wait for ever.
        tensors, calls, containers: what the two sides share.
    """

    def __init__(self, sock: socket.socket, me: str, caps: Caps, arena: Arena | None = None) -> None:
        self.sock = sock
        self.arena = arena
        self.caps = caps
        self.deadline: Deadline | None = None
        self.tensors = SharedTensors(me, weak=me == "j")
        self.calls = Calls()
        self.containers = Containers()
        self.forgotten: list[int] = []  # the other side's calls that it has not been told to forget yet
        self._asked = 0
        self._nested = 0

    # -- what each end does in its own way --------------------------------------------------------------

    def refer(self, value: object, packer: Packer) -> dict[str, Json]:
        """The JSON for what is not data."""
        raise NotImplementedError

    def resolve(self, node: Mapping[str, Json], unpacker: Unpacker) -> object:
        """What such JSON stands for."""
        raise NotImplementedError

    def answer(self, request: Mapping[str, Json], unpacker: Unpacker, packer: Packer) -> dict[str, Json]:
        """The header of the answer to a question of the other side's; raises what is to be sent as an error."""
        raise NotImplementedError

    def failed(self, error: BaseException) -> dict[str, Json]:
        """The header of an answer that says that something was raised; raises what is not to be told."""
        raise NotImplementedError

    def error(self, described: Any) -> BaseException:
        """The exception for such an answer."""
        raise NotImplementedError

    def along(self, header: dict[str, Json], packer: Packer) -> None:
        """Add to a message what goes along with each; before the changed tensors."""

    def news(self, header: dict[str, Json], packer: Packer) -> None:
        """Add to a message what the other side has to know of what was done to the things that both have."""
        changed = self.tensors.changes(packer.encoder.plain)
        if changed:
            header["changed"] = changed

    def arrived(self, header: Mapping[str, Json], unpacker: Unpacker) -> None:
        """Take what came along; after the changed tensors."""

    @property
    def other(self) -> Link:
        """Whom to ask for gradients: the other end, through this one."""
        return self

    # -- asking -----------------------------------------------------------------------------------------

    def ask(self, header: dict[str, Json], values: Mapping[str, object] | None = None) -> Any:
        """Ask; gives the value that comes back.

        Raises:
            WireError: there is no other side any more, or it does not keep to the protocol.
        """
        packer = Packer(self, results=False)
        for name, value in (values or {}).items():
            header[name] = packer.pack(value)
        header["grad"] = torch.is_grad_enabled()
        reply, unpacker = self.exchange(header, packer)
        try:
            return self.taken(reply, unpacker)
        except WireError:
            raise
        except Exception as error:
            raise _malformed(error) from error
        finally:
            unpacker.close()

    def taken(self, header: Mapping[str, Json], unpacker: Unpacker) -> Any:
        """The value of an answer."""
        return unpacker.result(header)

    def exchange(self, header: dict[str, Json], packer: Packer) -> tuple[Mapping[str, Json], Unpacker]:
        """Send a question, serve the other side while it wants something; gives its answer and what unpacks it."""
        self._asked += 1
        number = header["id"] = self._asked
        self.send(header, packer)
        frame = self.receive(number)
        unpacker = self._taken_in(frame)
        if "error" in frame.header:
            unpacker.close()
            raise self.error(frame.header["error"])
        return frame.header, unpacker

    def receive(self, number: int) -> Frame:
        """The answer to question ``number``; answers to earlier ones, of a child that goes on serving, are left out."""
        while True:
            frame = self.read()
            asked = frame.header.get("re")
            if asked is None:
                self.serve(frame)
            elif asked == number:
                return frame
            elif type(asked) is not int or not 0 < asked < number:
                raise WireError("an answer to a question that was not asked")

    def read(self) -> Frame:
        """The next frame."""
        frame = recv_frame(self.sock, caps=self.caps, deadline=self.deadline, arena=self.arena)
        if self.arena is not None:
            try:
                self.arena.keep(frame.header.get("lent"))
            except (TypeError, ValueError) as error:
                raise _malformed(error) from error
        return frame

    def send(self, header: dict[str, Json], packer: Packer) -> None:
        """Send a message with all that goes along."""
        packer.close(header)
        self.along(header, packer)
        self.news(header, packer)
        lent = self.arena.lent() if self.arena is not None else None
        if lent:
            header["lent"] = lent
        send_frame(self.sock, Frame(header, packer.elements), deadline=self.deadline, arena=self.arena)

    def _taken_in(self, frame: Frame) -> Unpacker:
        """Take what came along with a message; gives what unpacks the rest of it."""
        unpacker = Unpacker(self, frame.tensors)
        try:
            if "changed" in frame.header:
                self.tensors.apply(as_list(frame.header["changed"]), unpacker.decoder.elements)
            self.arrived(frame.header, unpacker)
        except WireError:
            raise
        except Exception as error:
            raise _malformed(error) from error
        return unpacker

    # -- answering --------------------------------------------------------------------------------------

    def serve(self, frame: Frame) -> None:
        """Answer one question of the other side's."""
        number = frame.header.get("id")
        if type(number) is not int:
            raise WireError("a question without a number")
        if self._nested >= MOST_NESTED:
            raise WireError("questions within questions, too many of them")
        self._nested += 1
        try:
            packer, header = self._answered(frame)
        finally:
            self._nested -= 1
        header["re"] = number
        self.send(header, packer)

    def _answered(self, frame: Frame) -> tuple[Packer, dict[str, Json]]:
        unpacker, packer = self._taken_in(frame), Packer(self, results=True)
        try:
            work = {"vjp": self._vjp, "graph": self._graph}.get(str(frame.header.get("op")), self.answer)
            return packer, work(frame.header, unpacker, packer)
        except WireError:
            raise
        except BaseException as error:  # whatever was raised is an answer, unless this end says otherwise
            packer.close({})
            return Packer(self, results=True), self.failed(error)
        finally:
            unpacker.close()

    # -- gradients --------------------------------------------------------------------------------------

    def vjp(self, call: int, grads: list[Any], parents: list[torch.Tensor]) -> list[Any]:
        """The vector-Jacobian products of a call's results, one for each parent."""
        create = torch.is_grad_enabled()
        packer = Packer(self, results=False)
        header = {"op": "vjp", "call": call, "create": create, "grads": packer.pack(grads), "grad": True}
        reply, unpacker = self.exchange(header, packer)
        try:
            if create:
                results = as_list(unpacker.result(reply))
            else:
                nodes = as_list(reply.get("value"))
                results = [None if node is None else unpacker.decoder.elements(node) for node in nodes]
        except WireError:
            raise
        except Exception as error:
            raise _malformed(error) from error
        finally:
            unpacker.close()
        if len(results) != len(parents):
            raise WireError("the answer to a backward pass is malformed")
        return results

    def forget_call(self, call: int) -> None:
        """No backward pass will ask for that call any more."""
        self.forgotten.append(call)

    def graph(self, call: int) -> GraphNode:
        """The graph that a call's first result hangs on, over there."""
        rows = self.ask({"op": "graph", "call": call})
        try:
            return graph_of(rows)
        except (TypeError, ValueError, IndexError) as error:
            raise _malformed(error) from error

    def _graph(self, request: Mapping[str, Json], _: Unpacker, packer: Packer) -> dict[str, Json]:
        return {"value": packer.pack(describe_graph(self.calls.by_number[request["call"]].outputs[0].grad_fn))}

    def _vjp(self, request: Mapping[str, Json], unpacker: Unpacker, packer: Packer) -> dict[str, Json]:
        call = self.calls.by_number[request["call"]]
        grads = as_list(unpacker.unpack(request.get("grads")))
        wanted = [(out, grad) for out, grad in zip(call.outputs, grads, strict=True) if grad is not None]
        create = bool(request.get("create"))
        results = vector_jacobian(wanted, call.parents, create=create) if call.parents else ()
        if create:
            return {"value": packer.pack(list(results))}
        return {"value": [None if grad is None else packer.encoder.plain(grad) for grad in results]}
