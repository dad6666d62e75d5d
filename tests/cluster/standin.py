"""A grading worker without an engine, for tests of what is around it; importable in Dask's own processes."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from graders.graded import Graded, GradedNotebook
from torchmagic.errors import TorchmagicError

if TYPE_CHECKING:
    from graders.nbgrader_plugin.package import Handed, Package


@dataclass(frozen=True)
class _Package:
    """As much of a package as executors look at: a Dask worker that imports nbgrader takes a second longer to start."""

    digest: str = "0" * 64


@dataclass(frozen=True)
class _Handed:
    notebooks: Mapping[str, bytes]


PACKAGE: Package = _Package()  # type: ignore[assignment]


def handed(text: str) -> Handed:
    """A submission of one notebook."""
    return _Handed({"hw": text.encode()})  # type: ignore[return-value]


class StandIn:
    """Answers after a moment with what was handed in, and does what it says: "kill" ends the process, "raise" raises.

    Args:
        log: a folder; each submission leaves an empty file in it when it has been worked on, with the process's number.
        closed: a file to make when it is closed.
        weak: processes whose environment has this variable cannot wall off.
    """

    def __init__(
        self,
        *,
        at_once: int,
        seconds: float = 0.02,
        log: Path | None = None,
        closed: Path | None = None,
        weak: str = "",
    ) -> None:
        self.seconds, self.log, self.closed = seconds, log, closed
        self.weak = weak in os.environ if weak else False

    def prepare(self, package: Package) -> None:
        pass

    def wait_until_ready(self) -> None:
        if self.weak:
            raise TorchmagicError("no walls to be had", hint="Change the kernel.")

    def grade(self, package: Package, handed: Handed) -> Graded:
        text = handed.notebooks["hw"].decode()
        time.sleep(self.seconds)
        if text == "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        if text == "raise":
            raise ZeroDivisionError
        if self.log is not None:
            (self.log / f"{text} {os.getpid()} {time.monotonic_ns()}").touch()
        return Graded((GradedNotebook("hw", text, "passed", "", self.seconds),))

    def close(self) -> None:
        if self.closed is not None:
            self.closed.touch()
