"""Rehearsals: a warm parent plays its part in a submission of our own, so that no later one pays for first times.

Python's and torch's code is slow, and writes to more memory, the first times that it runs: caches are filled, and code
is specialised. What a parent has done, its forks find done. The other part is played by a fork that then ends. Nothing
of an instructor's or a student's is run here.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from graders.engine.report import CellReport

_ROUNDS = 8
_SOLUTION = (
    "import torch",
    "a = torch.tensor(5.0)\nV = torch.tensor(7.0, requires_grad=True)\ntotal = (V * a - 1) ** 2",
    "def f(a, b=1.0):\n    return a * b",
    "def g(a):\n    a.append(1)\n    return [len(a), 'text', None, {'a': 1.5}]",
    "def k(a):\n    W = torch.tensor(float(a), requires_grad=True)\n    (W * 2).backward()\n    return W.grad",
    "layer = torch.nn.Linear(3, 1)",
)
_TEST = """\
import torch
from graders.checks import check_that, check_tensor
for _ in range(3):
    assert f(2.0) == 2.0 and f(2.0, b=3.0) == 6.0
    assert g([1, 2]) == [3, 'text', None, {'a': 1.5}]
    assert V.is_leaf and total.item() == 1156
    check_that(torch.autograd.grad(total, V, retain_graph=True)[0].item() == 340, "no")
    a = torch.rand(2, 3, requires_grad=True)
    f(a, 2.0).sum().backward()
    check_tensor(k(2.0), torch.tensor(2.0))
    assert layer(a).shape == (2, 1)
1.0
"""


def with_partner(partner: Callable[[socket.socket], None], play: Callable[[socket.socket], None]) -> None:
    """``play`` at one end of a connection, with a fork of this process that runs ``partner`` at the other."""
    mine, theirs = socket.socketpair()
    pid = os.fork()
    if pid == 0:
        try:
            mine.close()
            partner(theirs)
        finally:
            os._exit(0)
    theirs.close()
    try:
        play(mine)
    finally:
        mine.close()
        with contextlib.suppress(ChildProcessError):  # where nobody waits for children they go by themselves
            os.waitpid(pid, 0)


def rehearse_judge() -> list[CellReport]:
    """In the judges' parent: judge a submission, which a fork runs; gives its reports."""
    from graders.engine.judge import Judge
    from graders.engine.report import Cell, Limits, Submission

    cells = [Cell(number, source, "student") for number, source in enumerate(_SOLUTION)]
    cells += [Cell(len(cells) + number, _TEST, "test", 1.0, f"rehearsal {number}") for number in range(_ROUNDS)]
    submission = Submission(tuple(cells), tuple(cells), limits=Limits(10.0, 20.0))
    main = sys.modules["__main__"]
    reports: list[CellReport] = []
    watch, orders = socket.socketpair()
    try:
        with watch, orders:
            with_partner(_serve, lambda sock: Judge(submission, sock, watch, reports.append).run())
    finally:
        sys.modules["__main__"] = main
    return reports


def _serve(sock: socket.socket) -> None:
    from graders.engine.student import StudentServer

    StudentServer(sock, _Stage()).serve_all()  # type: ignore[arg-type]


class _Stage:
    """A shell for solutions of our own."""

    def __init__(self) -> None:
        self.namespace: dict[str, Any] = {"__name__": "__main__"}
        self.log = self

    def run(self, source: str) -> dict[str, Any]:
        """Run a cell."""
        exec(source, self.namespace)
        return {"status": "ok", "outputs": []}

    def take(self) -> list[Any]:
        """Nothing is shown."""
        return []


def rehearse_student(shell: Any) -> None:
    """In the students' parent: run a submission, which a fork asks about."""
    from graders.engine.student import StudentServer
    from graders.engine.wire import WireClosed

    def serve(sock: socket.socket) -> None:
        server = StudentServer(sock, shell)
        try:
            while True:
                server.serve(server.read())
        except WireClosed:
            pass

    mask = signal.pthread_sigmask(signal.SIG_BLOCK, [])
    try:
        with_partner(_ask, serve)
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)


def _ask(sock: socket.socket) -> None:
    import torch

    from graders.engine.remote import Student

    student = Student(sock)
    for _ in range(_ROUNDS):
        for source in _SOLUTION:
            student.run(source)
        names = {name: student.get(name) for name in ("f", "g", "k", "W", "x", "loss", "layer")}
        for _ in range(3):
            names["f"](2.0)
            names["f"](2.0, b=3.0)
            names["g"]([1, 2])
            names["k"](2.0)
            a = torch.rand(2, 3, requires_grad=True)
            names["f"](a, 2.0).sum().backward()
            torch.autograd.grad(names["loss"], names["W"], retain_graph=True)
            names["layer"](a)
        student.push()
