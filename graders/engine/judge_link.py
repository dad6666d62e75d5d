"""How the judge asks: what broke the connection is kept, a timeout can be got over, no failed assertion is lost."""

from __future__ import annotations

import socket
from collections.abc import Callable, Mapping
from typing import Any

import torch

from graders.engine.arena import Arena
from graders.engine.deadline import Deadline
from graders.engine.link import Link
from graders.engine.packing import Packer, Unpacker
from graders.engine.remote_errors import describe_error
from graders.engine.values import Json
from graders.engine.wire import Caps, WireError, WireTimeout


class JudgeLink(Link):
    """The judge's end of the wire as a connection; :class:`graders.engine.remote.Student` says what goes over it.

    Attributes:
        before_request: called before each request that runs code of the student's.
        broken: why the connection cannot be used any more, or None.
    """

    def __init__(self, sock: socket.socket, caps: Caps | None = None, arena: Arena | None = None) -> None:
        super().__init__(sock, "j", caps or Caps(), arena)
        self.deadline = Deadline.after(3600.0)
        self.before_request: Callable[[], None] = lambda: None
        self.broken: WireError | None = None
        self._depth = 0
        self._outermost = 0
        self._asking = False
        self._owed: BaseException | None = None

    def ask(self, header: dict[str, Json], values: Mapping[str, object] | None = None) -> Any:
        """As :meth:`Link.ask`; raises, too, the assertion of the test's own that the student's code survived."""
        if header["op"] not in ("get", "bind") and not self._depth:
            self.before_request()
        self._depth += 1
        try:
            value = super().ask(header, values)
        except WireError as error:
            self.broken = self.broken or error
            raise
        finally:
            self._one_less()
        owed = self._debt(0)
        if owed is not None:
            raise owed
        return value

    def vjp(self, call: int, grads: list[Any], parents: list[torch.Tensor]) -> list[Any]:
        """As :meth:`Link.vjp`."""
        self._depth += 1
        try:
            return super().vjp(call, grads, parents)
        except WireError as error:
            self.broken = self.broken or error
            raise
        finally:
            self._one_less()

    def _one_less(self) -> None:
        self._depth -= 1
        if not self._depth:
            self.containers.clear()

    def exchange(self, header: dict[str, Json], packer: Packer) -> tuple[Mapping[str, Json], Unpacker]:
        """As :meth:`Link.exchange`; once the connection is broken it stays so."""
        if self.broken is not None:
            raise self.broken
        if self.deadline is not None and self.deadline.left() <= 0:
            raise WireTimeout("no answer in time")
        if self._depth > 1:
            return super().exchange(header, packer)
        self._outermost, self._asking = self._asked + 1, True
        try:
            answer = super().exchange(header, packer)
        except WireError:
            raise
        except Exception:  # what the student's code raised is an answer
            self._asking = False
            raise
        self._asking = False
        return answer

    def _ask_shell(self, header: dict[str, Json], packer: Packer | None = None) -> Mapping[str, Json]:
        """Ask for what cannot fail over there unless the student's code has broken its own process."""
        self._depth += 1
        try:
            reply, unpacker = self.exchange(header, packer or Packer(self, results=False))
            unpacker.close()
        except WireError as error:
            self.broken = self.broken or error
            raise
        except Exception as error:
            raise self._broke(f"its shell does not work any more ({type(error).__name__}: {error})") from None
        finally:
            self._one_less()
        return reply

    def recover(self, grace: Deadline) -> bool:
        """After a timeout: wait until ``grace`` for the interrupted request's answer; False when none comes."""
        if not self._asking:  # the time was over between two questions
            self.broken = None
            self._depth = self._nested = 0
            return True
        deadline, self.deadline = self.deadline, grace
        try:
            while True:
                frame = self.read()
                if frame.header.get("re") == self._outermost:
                    break
        except WireError as error:
            self.broken = error
            return False
        finally:
            self.deadline = deadline
        self.broken = None
        self._depth = self._nested = 0
        return True

    def _broke(self, why: str) -> WireError:
        """The error to raise where the other side does not keep to the protocol; the connection stays broken."""
        self.broken = WireError(why)
        return self.broken

    def failed(self, error: BaseException) -> dict[str, Json]:
        """What a function of the test's raised, for the student's code to see; its assertions are not forgotten."""
        if isinstance(error, WireTimeout) or not isinstance(error, Exception):
            raise error
        if isinstance(error, AssertionError) and self._owed is None:
            self._owed = error
        return {"error": describe_error(error)}

    def _debt(self, depth: int) -> BaseException | None:
        """The assertion of the test's own that the student's code called and survived, to be raised after all.

        Args:
            depth: of questions within questions; deeper ones leave it to those around them.
        """
        if self._depth > depth:
            return None
        owed, self._owed = self._owed, None
        return owed
