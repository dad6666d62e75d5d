"""Raise every wall once, ahead of the first submission: what the kernel lacks is then known, and nobody's fault."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from typing import Any

from graders.engine import kernel_calls as kc
from graders.engine import walls
from graders.engine.mechanisms import Mechanism, MissingMechanism, needing
from graders.engine.outer_root import View, enter_outer_root
from graders.engine.report import Limits
from graders.engine.seccomp import build_filter


def prepare_walls(options: Mapping[str, Any]) -> bytes:
    """Move this process behind the outer wall, and prove that each submission can be walled off.

    Gives the filter of system calls that :func:`walls.seal` takes.

    Raises:
        MissingMechanism: the kernel does not give what the walls are made of.
    """
    with needing(Mechanism.SECCOMP):
        program = build_filter()
    with needing(Mechanism.NAMESPACES):
        enter_outer_root(View(tuple(options["readable"]), tuple(options["hidden"])), options["root"])
        walls.rule_own_tree()
    try_walls(program)
    return program


def try_walls(program: bytes) -> None:
    """Raise all walls of a submission in a process that then ends.

    Raises:
        MissingMechanism: the first that the kernel does not give.
    """
    ours, theirs = os.pipe()
    with needing(Mechanism.NAMESPACES):
        pid = kc.fork_new_tree()
    if pid == 0:
        os.close(ours)
        _tell(theirs, lambda: _behind_walls(program))
    os.close(theirs)
    with open(ours, "rb") as file:
        text = file.read()
    _, status = os.waitpid(pid, 0)
    if text:
        found = json.loads(text)
        raise MissingMechanism(Mechanism(found["mechanism"]), found["reason"])
    if status != 0:
        raise MissingMechanism(Mechanism.SECCOMP, f"a process behind walls ended with status {status}")


def _behind_walls(program: bytes) -> None:
    with needing(Mechanism.NAMESPACES):
        walls.leave_namespaces()
        owner = walls.raise_walls(0)
        walls.shut_behind(Limits(), {}, *owner)
    walls.seal(program)


def _tell(report: int, work: Callable[[], None]) -> None:
    """Do the work, say what was missing if anything, and end this process."""
    status = 1
    try:
        work()
        status = 0
    except MissingMechanism as error:
        os.write(report, json.dumps({"mechanism": error.mechanism.value, "reason": str(error)}).encode())
    finally:
        os._exit(status)
