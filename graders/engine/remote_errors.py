"""Exceptions of the student's as exceptions that a test can catch."""

from __future__ import annotations

import builtins
from typing import Any

from graders.engine.remote_object import RemoteError

#: A function's StopIteration would silently end the test's own loop: it arrives as a RemoteError instead.
_NOT_RAISED = {
    "StopIteration",
    "StopAsyncIteration",
    "GeneratorExit",
    "SystemExit",
    "KeyboardInterrupt",
    "BaseException",
}


def remote_exception(name: str, bases: list[Any], text: str) -> BaseException:
    """An exception of the student's as one that the test can catch: its built-in type, or one of its own name.

    >>> remote_exception("ValueError", ["ValueError", "Exception"], "no")
    ValueError('no')
    >>> isinstance(remote_exception("MyError", ["KeyError", "Exception"], "no"), KeyError)
    True
    """
    for base_name in bases:
        base = getattr(builtins, str(base_name), None)
        usable = isinstance(base, type) and issubclass(base, Exception) and base_name not in _NOT_RAISED
        if usable and (base_name == name or base_name != "Exception"):
            kind: Any = base if base_name == name else type(name, (base,), {})  # type: ignore[arg-type]
            try:
                made: BaseException = kind(text)
            except Exception:  # UnicodeDecodeError and its like want more arguments
                continue
            return made
    error: BaseException = type(name if name.isidentifier() else "StudentError", (RemoteError,), {})(text)
    return error
