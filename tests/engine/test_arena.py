"""Large tensors stay where the judge put them for as long as the student's process uses them, and no longer."""

from __future__ import annotations

import socket

import pytest
import torch

from graders.engine.arena import BYTES, LENT, Arena, make_arena
from graders.engine.remote import Student
from graders.engine.wire import Frame, WireError, recv_frame, send_frame
from tests.engine.conftest import Grade, assert_right_and_wrong

_N = 1 << 18  # elements of a megabyte

IDIOMS = {
    "what is kept stays what it was": (
        "kept = []\ndef keep(x):\n    kept.append(x)\n    return float(x.sum())",
        f"import torch\ngiven = [torch.full(({_N},), float(i)) for i in range(14)]\n"
        "assert [keep(x) for x in given] == [float(i) * len(x) for i, x in enumerate(given)]\n"
        "assert all(torch.equal(a, b) for a, b in zip(kept, given))",
    ),
    "so do a view of it and an array": (
        "kept = []\ndef keep(x):\n    kept.extend([x[7:9], x.numpy()])\ndef told():\n    return [k[0].item() for k in kept]",
        f"import torch\nfor i in range(12):\n    keep(torch.full(({_N},), float(i)))\n"
        "assert told() == [float(i // 2) for i in range(24)]",
    ),
    "what is changed in place comes back changed": (
        "def change(x, y):\n    x += 1\n    y.mul_(x)\n    return x",
        f"import torch\nx, y = torch.ones({_N}), torch.full(({_N // 512}, 512), 3.0).reshape(-1)\n"
        "assert change(x, y) is x\nassert x.unique().item() == 2 and y.unique().item() == 6",
    ),
    "a graph holds on to its inputs": (
        "def f(a, b):\n    return a * b * a",
        f"import torch\nas_, outs = [], []\nfor i in range(1, 12):\n"
        f"    a = torch.full(({_N},), float(i), requires_grad=True)\n    as_.append(a)\n    outs.append(f(a, torch.ones({_N})))\n"
        "sum(out.sum() for out in outs).backward()\nassert [a.grad[5].item() for a in as_] == [2.0 * i for i in range(1, 12)]",
    ),
    "a tensor of some dimensions is no view": (
        "def facts(x):\n    return x._is_view(), x.is_contiguous(), tuple(x.shape), x.stride(), x.untyped_storage().nbytes()",
        "import torch\nassert facts(torch.zeros(4, 64, 1024)) == (False, True, (4, 64, 1024), (65536, 1024, 1), 1 << 20)",
    ),
    "bools, halves and complex numbers": (
        "def twice(x):\n    return x | x if x.dtype == torch.bool else x + x\nimport torch",
        "import torch\nfor dtype in (torch.bool, torch.float16, torch.complex64, torch.int64, torch.uint8):\n"
        f"    x = (torch.arange({_N}) % 2).to(dtype)\n"
        "    assert torch.equal(twice(x), x if dtype == torch.bool else x + x)",
    ),
    "more than there is room for": (
        "def add(*xs):\n    return sum(xs)",
        f"import torch\nassert add(*[torch.ones({_N}) for _ in range(20)]).unique().item() == 20",
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", IDIOMS)
def test_idioms(grade: Grade, name: str) -> None:
    assert_right_and_wrong(grade, IDIOMS[name])


def _pair() -> tuple[Arena, Arena]:
    memory = make_arena()
    return Arena(memory, first=True), Arena(memory, first=False)


def test_a_place_is_free_again_when_its_tensor_is_gone() -> None:
    judge, student = _pair()
    a, b = socket.socketpair()
    with a, b:
        send_frame(a, Frame({}, {"x": torch.arange(_N, dtype=torch.float32)}), arena=judge)
        x = recv_frame(b, arena=student).tensors["x"]
        assert student.lent() == [[0, 4 * _N]]
        judge.keep(student.lent())
        assert judge.place([4 * _N, LENT]) == [4 * _N, 8 * _N]
        part = x[10:12]
        del x
        assert student.lent() == [[0, 4 * _N]]
        assert part.tolist() == [10.0, 11.0]
        del part
        assert student.lent() == []
        judge.keep([])
        assert judge.place([4 * _N]) == [0]


def test_places_lie_between_those_that_are_held() -> None:
    judge, _ = _pair()
    judge.keep([[1 << 20, 1 << 20], [3 << 20, 100_001]])
    assert judge.place([1 << 20, 1 << 20, 1 << 20, 8]) == [0, 2 << 20, (3 << 20) + 100_032, None]
    judge.keep([[0, BYTES]])
    assert judge.place([LENT]) == [None]


def test_the_judge_works_on_copies_alone() -> None:
    judge, student = _pair()
    a, b = socket.socketpair()
    with a, b:
        send_frame(b, Frame({}, {"x": torch.zeros(_N)}), arena=student)
        x = recv_frame(a, arena=judge).tensors["x"]
        student.put(0, torch.ones(4 * _N, dtype=torch.uint8))
        assert not x.any()
        assert judge.lent() == []


@pytest.mark.parametrize(
    "lent", [7, "all", [1], [[0]], [[0, 1, 2]], [[-1, 8]], [[0, 0]], [[0, BYTES + 1]], [["0", 8]], [[0, True]], [[0.0, 8]], {"a": 1}, [[0, 8]] * 40]
)  # fmt: skip
def test_lies_about_places_break_the_connection(lent: object) -> None:
    a, b = socket.socketpair()
    with a, b:
        student = Student(a, arena=Arena(make_arena(), first=True))
        send_frame(b, Frame({"re": 1, "value": 3, "lent": lent}))
        with pytest.raises(WireError):
            student.get("x")
