"""Engines that outlive one grading: formgrader's button grades one submission at a time, and starting takes longer."""

from __future__ import annotations

import contextlib
import threading
import weakref
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from graders.engine.client import Engine, Isolation

#: For how long a server keeps two processes with torch in memory after the last button was pressed.
IDLE_SECONDS = 300.0


class KeptEngines:
    """Lends the engines of one program, and ends each one that nobody has asked for in a while.

    Args:
        idle_seconds: after how long without use an engine ends.
    """

    def __init__(self, idle_seconds: float = IDLE_SECONDS) -> None:
        self._idle_seconds = idle_seconds
        self._lock = threading.Lock()
        self._engines: dict[tuple[Isolation, Path], Engine] = {}
        self._timers: dict[Engine, threading.Timer] = {}
        self._lent: dict[Engine, int] = {}

    def __len__(self) -> int:
        """How many run."""
        return len(self._engines)

    @contextlib.contextmanager
    def lend(self, isolation: Isolation, course: Path) -> Iterator[Engine]:
        """An engine that hides ``course`` from submissions; started unless there is one.

        Raises:
            TorchmagicError: the platform cannot wall off a submission.
        """
        key = (isolation, course)
        with self._lock:
            engine = self._engines.get(key)
            if engine is None:
                engine = self._engines[key] = Engine(isolation=isolation, hidden=[course]).__enter__()
            timer = self._timers.pop(engine, None)
            if timer is not None:
                timer.cancel()
            self._lent[engine] = self._lent.get(engine, 0) + 1
        try:
            yield engine
        except BaseException:
            self._give_back(key, engine, 0.0)  # it may be what went wrong
            raise
        self._give_back(key, engine, self._idle_seconds)

    def _give_back(self, key: tuple[Isolation, Path], engine: Engine, seconds: float) -> None:
        with self._lock:
            self._lent[engine] -= 1
            if self._lent[engine] or self._engines.get(key) is not engine:
                return
            if seconds == 0.0:
                self._end(key, engine)
                return
            timer = threading.Timer(seconds, self._end_idle, (key, engine))
            timer.daemon = True
            self._timers[engine] = timer
            timer.start()

    def _end_idle(self, key: tuple[Isolation, Path], engine: Engine) -> None:
        with self._lock:
            if not self._lent.get(engine) and self._engines.get(key) is engine:
                self._end(key, engine)

    def _end(self, key: tuple[Isolation, Path], engine: Engine) -> None:
        del self._engines[key], self._lent[engine]
        self._timers.pop(engine, None)
        engine.close()

    def close(self) -> None:
        """End them all, as the program does that they were kept for."""
        with self._lock:
            for timer in self._timers.values():
                timer.cancel()
            for engine in self._engines.values():
                engine.close()
            self._engines.clear()
            self._timers.clear()
            self._lent.clear()


_BY_PROGRAM: weakref.WeakKeyDictionary[Any, KeptEngines] = weakref.WeakKeyDictionary()


def kept_for(part: Any) -> KeptEngines:
    """The engines of the program that a configurable object is a part of; they end with it.

    >>> from traitlets.config import Configurable
    >>> server = Configurable()
    >>> first, second = Configurable(parent=server), Configurable(parent=Configurable(parent=server))
    >>> kept_for(first) is kept_for(second) is kept_for(server)
    True
    """
    while part.parent is not None:
        part = part.parent
    engines = _BY_PROGRAM.get(part)
    if engines is None:
        engines = _BY_PROGRAM[part] = KeptEngines()
        weakref.finalize(part, engines.close)
    return engines
