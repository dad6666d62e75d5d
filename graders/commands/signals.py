"""Signals that end a program are taken as Ctrl-C is: what was finished is kept, and it is said how to go on."""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Iterator


@contextlib.contextmanager
def ended_as_if_interrupted() -> Iterator[None]:
    """Take the signals by which a system or a lost terminal ends a program as it takes Ctrl-C."""
    kinds = [signal.SIGTERM, *([signal.SIGHUP] if hasattr(signal, "SIGHUP") else [])]
    try:
        before = {kind: signal.signal(kind, signal.default_int_handler) for kind in kinds}
    except ValueError:  # not in the main thread: a program that calls us looks after its signals itself
        yield
        return
    try:
        yield
    finally:
        for kind, handler in before.items():
            signal.signal(kind, handler)
