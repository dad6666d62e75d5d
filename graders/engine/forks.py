"""What a fork of a warm process does first and last."""

from __future__ import annotations

import contextlib
import gc
import os
import signal
import sys
from collections.abc import Callable
from typing import NoReturn

from graders.engine import kernel_calls as kc
from graders.engine.wire import WireClosed

#: How our own code in a fork ends where something is amiss, for one that it gets no memory.
GAVE_UP = 1


def settle() -> None:
    """In a fresh fork: be a process of its own, with signals as usual, that ends with its parent."""
    gc.enable()
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    os.setsid()
    kc.prctl(kc.PR_SET_PDEATHSIG, signal.SIGKILL)


def do_and_end(work: Callable[[], None]) -> NoReturn:
    """Do the work and end this process, whatever happens."""
    status = GAVE_UP
    try:
        work()
        status = 0
    except WireClosed:  # a slot that was not needed
        status = 0
    except BaseException as error:  # the last line of this process: say what happened and end
        with contextlib.suppress(Exception):
            sys.__stderr__.write(f"torchmagic engine: {type(error).__name__}: {error}\n")  # type: ignore[union-attr]
    finally:
        os._exit(status)


def forked(work: Callable[[], None]) -> int:
    """Fork a process that does the work and ends; gives its id."""
    pid = os.fork()
    if pid == 0:
        do_and_end(work)
    return pid
