"""The warm parents: one process imports torch once, becomes two, and forks a student's and a judge's process each time.

Run as ``python -m graders.engine.warm STUDENT_FD JUDGE_FD`` with options as JSON on standard input;
:mod:`graders.engine.client` does.
The student's parent moves behind the outer wall before it serves; it holds no check, topic or assignment.
"""

from __future__ import annotations

import contextlib
import functools
import gc
import importlib
import json
import os
import signal
import socket
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from graders.engine import kernel_calls as kc
from graders.engine import walls
from graders.engine.begin import Begin
from graders.engine.forks import forked, settle
from graders.engine.mechanisms import MissingMechanism
from graders.engine.rehearsal import rehearse_judge, rehearse_student
from graders.engine.trial import prepare_walls
from graders.engine.watch import Watches, watch_alone
from graders.engine.watched import fork_watched


def main(argv: list[str]) -> None:
    """Warm up, then serve the two control sockets until they close."""
    student_control, judge_control = (socket.socket(fileno=int(fd)) for fd in argv[:2])
    options: Mapping[str, Any] = json.load(sys.stdin)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    kc.prctl(kc.PR_SET_PDEATHSIG, signal.SIGTERM)
    sys.path[:] = [entry for entry in sys.path if entry not in ("", os.getcwd())]
    gc.disable()  # what is made here lives as long as we do: collecting amid the imports took a fifth of their time
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
    _import_all(["numpy.random"])  # would be imported at its first use, in each fork
    layer = torch.nn.Linear(2, 2)
    layer(torch.ones(1, 2)).sum().backward()


def _serve_students(control: socket.socket, options: Mapping[str, Any]) -> None:
    from graders.engine.arena import Arena

    os.environ.clear()
    os.environ.update(walls.environment(), IPYTHONDIR=options["root"])
    from graders.engine.student import run_student
    from graders.engine.student_shell import StudentShell

    walled = options["isolation"] == "namespaces"
    try:
        shell = StudentShell()
        program = prepare_walls(options) if walled else b""
    except MissingMechanism as error:
        control.send(json.dumps({"error": str(error), "mechanism": error.mechanism.value}).encode())
        return

    watches, alone = Watches(), list[int]()

    def fork(request: Mapping[str, Any], fds: list[int], busy: bool, owed: Sequence[str]) -> None:
        wire, watcher, begin, memory = fds
        watch, orders = socket.socket(fileno=watcher), socket.socket(fileno=begin)

        def run(wait: Callable[[], Begin]) -> None:
            control.close()
            watches.close()
            _import_all(owed)
            student(int(request["serial"]), wire, memory, wait)

        def watch_it() -> None:
            control.close()
            watches.close()
            settle()
            watch_alone(watch, orders, run, walled=walled)

        alone[:] = [pid for pid in alone if os.waitpid(pid, os.WNOHANG)[0] == 0]
        if walled and not busy:
            watches.add(fork_watched(watch, orders, run, walled=True))
        else:
            alone.append(forked(watch_it))
            watch.close()
            orders.close()
        os.close(wire)
        os.close(memory)

    def student(serial: int, wire: int, memory: int, wait: Callable[[], Begin]) -> None:
        arena = Arena(memory, first=False)
        _reseed(judge=False)
        if walled:
            walls.leave_namespaces()
            owner = walls.raise_walls(serial)
            begin = wait()
            walls.shut_behind(begin.limits, begin.files, *owner)
        else:
            begin = wait()
            walls.settle_unwalled(begin.limits, begin.files, begin.scratch)
        shell.log.limit = begin.limits.output_bytes
        if begin.core is not None:
            os.sched_setaffinity(0, {begin.core})
        sock = socket.socket(fileno=walls.take_descriptors(wire))
        if walled:
            walls.seal(program)
        shell.own_descriptors = True
        os.environ["IPYTHONDIR"] = f"{os.environ['HOME']}/.ipython"
        shell.keep_state_in(os.environ["IPYTHONDIR"])
        sys.path.insert(0, "")  # as in a kernel: modules beside the notebook can be imported
        run_student(sock, shell, arena)

    def preload(what: str, item: Any) -> None:
        _import_all([item])
        if item == "torchmagic":
            _rehearse(shell, _DRAWING)

    _serve(control, fork, preload, [lambda: _rehearse(shell)], watches)


def _serve_judges(control: socket.socket) -> None:
    from graders.engine.arena import Arena
    from graders.engine.given import names_bound, names_needed, parse_cell
    from graders.engine.hidden import file_name
    from graders.engine.judge_process import run_judge
    from graders.engine.random_state import declared_seeds
    from graders.engine.report import Cell
    from graders.engine.testcell import compile_test

    _import_all(["graders.engine.cell_text", "unittest", "numpy.testing", "graders.checks"])

    def judge(fds: list[int], owed: Sequence[str]) -> None:
        control.close()
        settle()
        _import_all(owed)
        _reseed(judge=True)
        wire, watch, report = (socket.socket(fileno=fd) for fd in fds[:3])
        run_judge(wire, watch, report, Arena(fds[3], first=True))

    def fork(request: Mapping[str, Any], fds: list[int], busy: bool, owed: Sequence[str]) -> None:
        forked(lambda: judge(fds, owed))
        for fd in fds:
            os.close(fd)

    def preload(what: str, item: Any) -> None:
        if what == "import":
            _import_all([item])
        elif what == "compile":
            name, source = item
            with contextlib.suppress(SyntaxError, ValueError, RecursionError, MemoryError):  # said where it is run
                compile_test(source, file_name(Cell(0, source, "test", name=name)))
        else:
            for read in (parse_cell, names_needed, names_bound, declared_seeds):
                read(item)
            names_bound(item, imports=False)

    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for a judge's end
    _serve(control, fork, preload, [rehearse_judge], Watches())


def _serve(
    control: socket.socket,
    fork: Callable[[Mapping[str, Any], list[int], bool, Sequence[str]], None],
    preload: Callable[[str, Any], None],
    todo: list[Callable[[], object]],
    watches: Watches,
) -> None:
    """``fork`` for each request on ``control`` until it closes, get warmer on the way, and attend to ``watches``.

    ``todo``, and what is asked to be preloaded, is done once the first fork is on its way, or when nothing else is:
    the first submission then runs on one core while another one gets warm for all that follow. What is to be preloaded
    "first" is done at once. It takes up to seconds: ``fork`` is told when there is such a thing to do, so that it
    arranges for somebody else to watch, and it is not begun while there is somebody to watch over. Until then ``fork``
    is told what its fork has to import by itself, before anybody's time begins.
    """
    gc.freeze()
    control.send(b"{}")
    started = False
    owed: list[str] = []

    def pay(module: str) -> None:
        owed.remove(module)
        preload("import", module)

    while True:
        if todo and not watches:
            if started or not watches.attend(control, wait=False):
                with contextlib.suppress(Exception):  # what fails here fails, and says so, where it is used
                    todo.pop(0)()
                gc.freeze()
                if not todo:
                    kc.gather_memory()
                continue
        elif not watches.attend(control):
            continue
        try:
            data, fds, _, _ = socket.recv_fds(control, 1 << 16, 8)
        except ConnectionResetError:  # closed before it read our greeting
            return
        if not data:
            return
        request = json.loads(data)
        if "preload" in request:
            what, item = request["preload"]
            if what == "first" and not watches:
                preload("import", item)
                gc.freeze()
            elif what == "first":
                owed.append(item)
                todo.insert(0, functools.partial(pay, item))
            else:
                todo.append(functools.partial(preload, what, item))
            continue
        started = True
        fork(request, list(fds), bool(todo), owed)


def _import_all(names: Sequence[str]) -> None:
    """Import what the assignment's own notebook imports; what fails here fails, and says so, where it is used."""
    for name in names:
        with contextlib.suppress(Exception):
            importlib.import_module(name)


_FIRST = ("import torch\nx = torch.ones(2)\nx", "1 / 0", "x.undefined")
_DRAWING = (
    "%load_ext torchmagic",
    *4 * ["%%tensorinfo\n%%gradtrace\nimport torch\nx = torch.ones((), requires_grad=True)\ny = x * 2\ny.backward()"],
    "%unload_ext torchmagic",
)


def _rehearse(shell: Any, cells: Sequence[str] = _FIRST) -> None:
    """Run cells and forget them, so that the first student does not pay for what is slow at its first use."""
    shell.open()
    for source in cells:
        shell.run(source)
    if cells is _FIRST:
        rehearse_student(shell)
    shell.close()
    module = vars(shell.shell.user_module)
    own = {name: value for name, value in module.items() if name.startswith("__")}
    shell.shell.reset(new_session=True)
    module.update({name: value for name, value in own.items() if name not in module})  # __spec__, for one
    shell.shell.execution_count = 1
    for name in ("last_type", "last_value", "last_traceback", "last_exc"):
        vars(sys).pop(name, None)  # of a fresh kernel no cell has failed


def _reseed(*, judge: bool) -> None:
    """A generator state of its own for each fork; torch's default in a student's, as in a fresh kernel."""
    import random

    import numpy as np
    import torch

    from graders.engine.random_state import FRESH_TORCH_SEED

    random.seed()
    np.random.seed(int.from_bytes(os.urandom(4), "big"))
    # torch.manual_seed would also format the stack, once for each kind of accelerator: 16 ms in a fresh fork
    if judge:
        torch.default_generator.seed()
    else:
        torch.default_generator.manual_seed(FRESH_TORCH_SEED)


if __name__ == "__main__":
    main(sys.argv[1:])
