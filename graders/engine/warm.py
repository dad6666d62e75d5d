"""The warm parents: one process imports torch once, becomes two, and forks a student's and a judge's process each time.

Run as ``python -m graders.engine.warm STUDENT_FD JUDGE_FD OPTIONS``; :mod:`graders.engine.client` does.
The student's parent moves behind the outer wall before it serves; it holds no check, topic or assignment.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import json
import os
import select
import signal
import socket
import sys
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from graders.engine import kernel_calls as kc
from graders.engine import walls
from graders.engine.begin import Begin
from graders.engine.watch import watch_student
from graders.engine.wire import WireClosed

#: The generator state that a fresh interpreter's torch starts with.
_FRESH_TORCH_SEED = 67280421310721


def main(argv: list[str]) -> None:
    """Warm up, then serve the two control sockets until they close."""
    student_control, judge_control = (socket.socket(fileno=int(fd)) for fd in argv[:2])
    options: Mapping[str, Any] = json.loads(argv[2])
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    kc.prctl(kc.PR_SET_PDEATHSIG, signal.SIGTERM)
    _import_torch()
    if os.fork() == 0:
        judge_control.close()
        kc.prctl(kc.PR_SET_PDEATHSIG, signal.SIGKILL)
        _serve_students(student_control, options)
    else:
        student_control.close()
        _serve_judges(judge_control)
    os._exit(0)


def _import_torch() -> None:
    import torch

    torch.set_num_threads(1)
    with contextlib.suppress(RuntimeError):
        torch.set_num_interop_threads(1)
    (torch.ones(2, requires_grad=True) * 2).sum().backward()


def _first_uses() -> Iterator[Callable[[], object]]:
    """What costs a second at its first use, in small steps: it is paid here, between submissions, and once."""
    import torch

    def compare() -> None:
        import torch.testing

        torch.testing.assert_close(torch.ones(2), torch.ones(2))

    def train() -> None:
        layer = torch.nn.Linear(2, 2)
        optimizer = torch.optim.SGD(layer.parameters(), lr=0.1)
        torch.nn.functional.mse_loss(layer(torch.ones(1, 2)), torch.zeros(1, 2)).backward()
        optimizer.step()

    def check_gradients() -> None:
        x = torch.ones(2, dtype=torch.float64, requires_grad=True)
        torch.autograd.gradcheck(lambda t: (t * t).sum(), (x,))

    yield compare
    yield lambda: torch.nn.Linear(2, 2)
    yield lambda: importlib.import_module("torch._dynamo")
    yield train
    yield check_gradients


def _serve_students(control: socket.socket, options: Mapping[str, Any]) -> None:
    os.environ.clear()
    os.environ.update(walls.environment(), IPYTHONDIR=options["root"])
    from graders.engine.student import run_student
    from graders.engine.student_shell import StudentShell

    walled = options["isolation"] == "namespaces"
    try:
        shell = StudentShell()
        _rehearse(shell)
        if walled:
            walls.enter_outer_root(walls.View(tuple(options["readable"]), tuple(options["hidden"])), options["root"])
    except OSError as error:
        control.send(json.dumps({"error": str(error)}).encode())
        return

    def child(request: Mapping[str, Any], fds: list[int]) -> None:
        wire, watcher, start = fds
        if walled:
            walls.leave_namespaces()
        watch, orders = socket.socket(fileno=watcher), socket.socket(fileno=start)
        watch_student(watch, orders, lambda begin: student(request, wire, begin))

    def student(request: Mapping[str, Any], wire: int, begin: Begin) -> None:
        shell.log.limit = begin.limits.output_bytes
        if walled:
            walls.raise_walls(begin.limits, begin.archive, serial=int(request["serial"]))
        else:
            walls.settle_unwalled(begin.limits, begin.archive, begin.scratch)
        sock = socket.socket(fileno=walls.take_descriptors(wire))
        shell.own_descriptors = True
        os.environ["IPYTHONDIR"] = f"{os.environ['HOME']}/.ipython"
        _reseed(judge=False)
        run_student(sock, shell)

    _serve(control, child)


def _serve_judges(control: socket.socket) -> None:
    from graders.engine.judge_process import run_judge

    _preload(["IPython.core.inputtransformer2", "unittest", "numpy.testing", "graders.checks"])

    def child(request: Mapping[str, Any], fds: list[int]) -> None:
        _reseed(judge=True)
        run_judge(*(socket.socket(fileno=fd) for fd in fds))

    _serve(control, child)


def _serve(control: socket.socket, child: Callable[[Mapping[str, Any], list[int]], None]) -> None:
    """Fork ``child`` for each request on ``control`` until it closes; get warmer while there is none."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    control.send(b"{}")
    steps = _first_uses()
    warm = False
    while True:
        while not warm and not select.select([control], [], [], 0)[0]:
            step = next(steps, None)
            if step is None:
                warm = True
                gc.collect()
                gc.freeze()
            else:
                with contextlib.suppress(Exception):  # a warm-up that fails here fails, and says so, where it is used
                    step()
        data, fds, _, _ = socket.recv_fds(control, 1 << 16, 8)
        if not data:
            return
        request = json.loads(data)
        if "preload" in request:
            _preload(request["preload"])
            continue
        if os.fork() == 0:
            status = 1
            try:
                control.close()
                signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                signal.signal(signal.SIGINT, signal.default_int_handler)
                os.setsid()
                kc.prctl(kc.PR_SET_PDEATHSIG, signal.SIGKILL)
                child(request, list(fds))
                status = 0
            except WireClosed:  # a slot that was not needed
                status = 0
            except BaseException as error:  # the last line of this process: say what happened and end
                sys.__stderr__.write(f"torchmagic engine: {type(error).__name__}: {error}\n")  # type: ignore[union-attr]
            finally:
                os._exit(status)
        for fd in fds:
            os.close(fd)


def _preload(names: list[str]) -> None:
    """Import what the assignment's own notebook imports, where it is installed."""
    for name in names:
        with contextlib.suppress(ImportError):
            importlib.import_module(name)


def _rehearse(shell: Any) -> None:
    """Run a cell that succeeds and one that fails, so that the first student does not pay for it."""
    shell.open()
    for source in ("import torch\nx = torch.ones(2)\nx", "1 / 0", "x.undefined"):
        shell.run(source)
    shell.close()
    shell.shell.reset(new_session=True)
    shell.shell.execution_count = 1


def _reseed(*, judge: bool) -> None:
    """A generator state of its own for each fork; torch's default in a student's, as in a fresh kernel."""
    import random

    import numpy as np
    import torch

    random.seed()
    np.random.seed(int.from_bytes(os.urandom(4), "big"))
    if judge:
        torch.seed()
    else:
        torch.manual_seed(_FRESH_TORCH_SEED)


if __name__ == "__main__":
    main(sys.argv[1:])
