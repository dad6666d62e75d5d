"""A student's process that speaks the protocol perfectly but lies harms its own submission and nothing else."""

from __future__ import annotations

import contextlib
import itertools
import json
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch

from graders.engine.deadline import Deadline
from graders.engine.remote import NoSuchName, Student
from graders.engine.remote_object import RemoteError, RemoteObject
from graders.engine.wire import Caps, Frame, WireError, WireTimeout, encode_frame, recv_frame

Header = dict[str, Any]
#: Gives the replies to one request: headers, frames, or raw bytes.
Answer = Callable[[Header], list[Header | Frame | bytes]]


class Liar:
    """The other end of a wire: answers each request as it was told to."""

    def __init__(self, *answers: Answer) -> None:
        self.judges, self.mine = socket.socketpair()
        self.student = Student(self.judges, Caps(header=1 << 20, body=8 << 20))
        self.student.deadline = Deadline.after(5.0)
        self.requests: list[Header] = []
        self._thread = threading.Thread(target=self._serve, args=(answers,), daemon=True)
        self._thread.start()

    def close(self) -> None:
        """End the thread and both ends."""
        self.judges.close()
        with contextlib.suppress(OSError):
            self.mine.shutdown(socket.SHUT_RDWR)
        self._thread.join(10)
        self.mine.close()

    def _serve(self, answers: tuple[Answer, ...]) -> None:
        try:
            for answer in answers:
                request = dict(recv_frame(self.mine).header)
                self.requests.append(request)
                for reply in answer(request):
                    self.mine.sendall(_bytes(reply, request))
            self.mine.shutdown(socket.SHUT_WR)
        except (WireError, OSError):
            return


@pytest.fixture
def liar() -> Iterator[Callable[..., Liar]]:
    with contextlib.ExitStack() as stack:

        def make(*answers: Answer) -> Liar:
            made = Liar(*answers)
            stack.callback(made.close)
            return made

        yield make


Make = Callable[..., Liar]


def _bytes(reply: Header | Frame | bytes, request: Header) -> bytes:
    if isinstance(reply, bytes):
        return reply
    frame = reply if isinstance(reply, Frame) else Frame(reply)
    head, body = encode_frame(Frame({"re": request["id"], **frame.header}, frame.tensors))
    return head + b"".join(body)


def says(value: Any, tensors: dict[str, torch.Tensor] | None = None, **more: Any) -> Answer:
    return lambda request: [Frame({"value": value, **more}, tensors or {})]


_TENSOR = {"t": "tensor", "o": "s", "n": 1, "i": "0", "d": "torch.float32", "dev": "cpu"}
_OUT = {**_TENSOR, "rg": True, "out": 0, "fn": "Mul"}
_ONE = {"0": torch.ones(2)}


LIES: dict[str, Answer] = {
    "no such kind": says({"t": "object"}),
    "no kind": says({"v": 3}),
    "a tensor without elements": says(_TENSOR),
    "elements of another dtype": says({**_TENSOR, "d": "torch.int64"}, _ONE),
    "a dtype that is none": says({**_TENSOR, "d": "torch.nn"}, _ONE),
    "a tensor of the judge's that was never sent": says({**_TENSOR, "o": "j", "n": 7}),
    "a tensor of nobody's": says({**_TENSOR, "o": "x"}, _ONE),
    "a tensor whose number is none": says({**_TENSOR, "n": [1]}, _ONE),
    "a gradient of another shape": says({**_TENSOR, "rg": True, "grad": {"i": "1", "d": "torch.float32"}}, {**_ONE, "1": torch.ones(3)}),
    "an array that does not fill its shape": says({"t": "array", "i": "0", "d": "<f8", "s": [9]}, _ONE),
    "an array of objects by dtype": says({"t": "array", "i": "0", "d": "|O", "s": [1]}, _ONE),
    "an array of a huge shape": says({"t": "array", "i": "0", "d": "<f8", "s": [1 << 40, 0]}, _ONE),
    "a meta tensor of a huge shape": says({**_TENSOR, "dev": "meta", "shape": [1 << 47, 1 << 47]}),
    "a dict with a list for a key": says({"t": "dict", "v": [[{"t": "list", "v": []}, 1]]}),
    "a pair that is none": says({"t": "dict", "v": [[1, 2, 3]]}),
    "a set of lists": says({"t": "set", "v": [{"t": "list", "v": []}]}),
    "an int that is none": says({"t": "int", "v": "zz"}),
    "a date that is none": says({"t": "text", "k": "date", "v": "soon"}),
    "a kind of text that is none": says({"t": "text", "k": "Popen", "v": "ls"}),
    "a constant of torch's that is a module": says({"t": "torch", "k": "dtype", "v": "torch.os"}),
    "a fraction over nothing": says({"t": "fraction", "v": ["0x1", "0x0"]}),
    "a range of lists": says({"t": "range", "v": [[], 1, 1]}),
    "a named tuple with names that are none": says({"t": "namedtuple", "n": "P", "f": ["__init__", "x y"], "v": [1, 2]}),
    "a frame of another dtype": says({"t": "series", "v": {"k": "values", "v": [1], "d": "Sparse[float]"}, "index": {"k": "range", "v": [0, 1, 1], "n": {"t": "list", "v": [None]}}, "name": None}),
    "a frame without columns": says({"t": "frame", "v": 3}),
    "a handle that is text": says({"t": "ref", "h": "1"}),
    "an object of the test's that was never lent": says({"t": "ref", "k": 99}),
    "a container that was never sent": says({"t": "ref", "was": 3}),
    "nested too deeply": says(json.loads('{"t":"list","v":[' * 100 + "1" + "]}" * 100)),
    "a result that hangs on nothing": says(_OUT, _ONE, call=1),
    "a result whose call is text": says(_OUT, _ONE, call="1", parents=[]),
    "a result that hangs on data": says(_OUT, _ONE, call=1, parents=[1]),
    "a result that hangs on itself": says(_OUT, _ONE, call=1, parents=[_OUT]),
    "results numbered from one": says({**_OUT, "out": 1}, _ONE, call=1, parents=[]),
    "results numbered by text": says({**_OUT, "out": "0"}, _ONE, call=1, parents=[]),
    "an integer result with a gradient": says({**_OUT, "d": "torch.int64"}, {"0": torch.ones(2, dtype=torch.int64)}, call=1, parents=[]),
    "a call without results": says(3, call=1, parents=[]),
    "changes that are none": says(3, changed={"o": "s"}),
    "a change without a name": says(3, changed=[{}]),
    "forgotten calls that are none": says(3, free_calls=7),
    "names that are none": says(3, rebound="x"),
    "the state of a generator that is none": says(3, rng={"torch": ["0", 1, None]}),
    "a state of the wrong size": says(3, {"0": torch.zeros(3, dtype=torch.uint8)}, rng={"torch": ["0", 1, None]}),
    "containers that were never sent": says(3, containers=[[1, 2]]),
    "an answer to a question that was not asked": lambda request: [{"value": 3, "re": request["id"] + 1}],
    "an answer without a number": lambda request: [{"value": 3, "re": "1"}],
    "a question without a number": lambda request: [{"op": "call", "k": 1, "re": None}],
    "an error that is none": says(None, error=3),
    "no JSON": lambda request: [struct.pack(">2sBBIQ", b"TM", 2, 0, 3, 0) + b"{x}"],
    "a huge length": lambda request: [struct.pack(">2sBBIQ", b"TM", 2, 0, 4, 1 << 60) + b"[{}]"],
    "a huge header": lambda request: [struct.pack(">2sBBIQ", b"TM", 2, 0, 1 << 31, 0)],
    "another protocol": lambda request: [b"HTTP/1.1 200 OK\r\n\r\n"],
    "half a frame": lambda request: [struct.pack(">2sBBIQ", b"TM", 2, 0, 40, 0) + b"[{"],
    "nothing": lambda request: [],
}  # fmt: skip


@pytest.mark.parametrize("name", LIES)
def test_a_lie_breaks_the_connection_and_nothing_else(liar: Make, name: str) -> None:
    one = liar(LIES[name])
    with pytest.raises(WireError):
        one.student.get("x")
    assert one.student.broken is not None
    with pytest.raises(WireError):
        one.student.get("y")  # and stays broken


_GRADS = {
    "of another shape": [{"i": "0", "d": "torch.float32"}],
    "too many": [None, None, None],
    "none at all": 3,
    "without elements": [{"i": "5", "d": "torch.float32"}],
}


@pytest.mark.parametrize("name", _GRADS)
def test_a_lie_about_gradients_is_an_error_of_the_backward_pass(liar: Make, name: str) -> None:
    x = torch.ones(3, requires_grad=True)

    def call(request: Header) -> list[Header | Frame | bytes]:
        n = request["args"]["v"][0]["n"]
        reply = {"value": {**_OUT, "n": 5}, "call": 1, "parents": [{"t": "tensor", "o": "j", "n": n}]}
        return [Frame(reply, {"0": torch.ones(3)})]

    one = liar(says({"t": "ref", "h": 1, "callable": True}), call, says(_GRADS[name], _ONE))
    y = one.student.get("f")(x)
    with pytest.raises((WireError, RuntimeError)):
        y.sum().backward()
    assert x.grad is None


@pytest.mark.slow
def test_replies_that_never_end_are_over_at_the_deadline(liar: Make) -> None:
    def flood(request: Header) -> list[Header | Frame | bytes]:
        old = [{"value": 3, "re": 1}] * 1000
        return list(itertools.chain.from_iterable(old for _ in range(200)))  # type: ignore[misc]

    one = liar(says(3), flood)
    one.student.deadline = Deadline.after(1.0)
    assert one.student.get("x") == 3
    with pytest.raises(WireError):
        one.student.get("y")


@pytest.mark.slow
def test_a_body_that_never_comes_is_over_at_the_deadline(liar: Make) -> None:
    def slow(request: Header) -> list[Header | Frame | bytes]:
        time.sleep(3)
        return []

    one = liar(lambda request: [struct.pack(">2sBBIQ", b"TM", 2, 0, 4, 0) + b"["], slow)
    one.student.deadline = Deadline.after(0.3)
    with pytest.raises((WireTimeout, WireError)):
        one.student.get("x")


def test_questions_within_questions_end(liar: Make) -> None:
    def ask_again(request: Header) -> list[Header | Frame | bytes]:
        return [
            {
                "op": "call",
                "k": 1,
                "id": 1,
                "re": None,
                "args": {"t": "list", "v": []},
                "kwargs": {"t": "dict", "v": []},
            }
        ]

    one = liar(says({"t": "ref", "h": 1, "callable": True}), *[ask_again] * 200)
    f = one.student.get("f")
    with pytest.raises((WireError, RecursionError)):
        f(lambda: f())


_FORGED = [
    {"name": "AssertionError", "bases": ["AssertionError", "Exception"], "text": "no"},
    {"name": "Pass", "bases": ["StopIteration", "Exception"], "text": ""},
    {"name": "SystemExit", "bases": ["SystemExit", "BaseException"], "text": "0"},
    {"name": "KeyboardInterrupt", "bases": ["KeyboardInterrupt", "BaseException"], "text": "0"},
    {"name": "x y", "bases": "none", "text": 3, "args": {"t": "object"}, "attributes": {"t": "list", "v": []}},
    {"name": "Own", "bases": ["Own", "ValueError", "Exception"], "h": 3, "attributes": {"t": "dict", "v": [["__class__", 3], ["args", 4]]}},
    {"name": "exec", "bases": ["exec"], "text": "import os"},
]  # fmt: skip


@pytest.mark.parametrize("forged", _FORGED, ids=lambda forged: str(forged["name"]))
def test_a_forged_error_is_an_ordinary_exception(liar: Make, forged: Header) -> None:
    one = liar(says(None, error=forged))
    with pytest.raises(Exception) as caught:  # noqa: PT011 - which one is the point
        one.student.get("x")
    assert not isinstance(caught.value, SystemExit | KeyboardInterrupt | StopIteration | NoSuchName)


def test_a_class_that_claims_to_be_a_tensor_is_an_object(liar: Make) -> None:
    for claim in ("torch.Tensor", "builtins.float", "numpy.ndarray", "builtins.bool"):
        facts = {"t": "ref", "h": 1, "type": claim, "mro": [claim, "builtins.object"], "classes": None}
        value = liar(says(facts)).student.get("x")
        assert isinstance(value, RemoteObject)
        assert not isinstance(value, float | torch.Tensor | bool)
        with pytest.raises(RemoteError):
            assert value == 3.0


def test_a_nan_is_never_equal(liar: Make) -> None:
    one = liar(says({"t": "float", "v": "nan"}), says(_TENSOR, {"0": torch.full((2,), float("nan"))}))
    number, tensor = one.student.get("x"), one.student.get("x")
    assert number != number
    assert not torch.equal(tensor, tensor)


@pytest.fixture(autouse=True)
def _no_harm_to_torch() -> Iterator[None]:
    before = torch.initial_seed(), torch.is_grad_enabled()
    yield
    assert (torch.initial_seed(), torch.is_grad_enabled()) == before
