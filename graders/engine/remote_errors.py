"""Exceptions as data, and an exception of the other side's as one that can be caught here."""

from __future__ import annotations

import builtins
from collections.abc import Callable, Mapping
from typing import Any

from graders.engine.decoding import Decoder
from graders.engine.remote_object import RemoteError
from graders.engine.student_shell import error_text, out_of_memory
from graders.engine.values import Encoder, Json, NotData
from graders.engine.wire import WireError

#: A function's StopIteration would silently end the test's own loop: it arrives as a RemoteError instead.
_NOT_RAISED = {
    "StopIteration",
    "StopAsyncIteration",
    "GeneratorExit",
    "SystemExit",
    "KeyboardInterrupt",
    "BaseException",
}


def describe_error(error: BaseException, handle: Callable[[object], int] | None = None) -> dict[str, Json]:
    """An exception as data: its name, the built-in classes it descends from, its text, and what of it is plain data.

    Args:
        handle: gives the handle of a class that is no built-in one, for the other side to know it again.
    """
    described: dict[str, Json] = {
        "name": type(error).__name__[:200],
        "bases": [base.__name__ for base in type(error).__mro__ if base.__module__ == "builtins"],
        "text": error_text(error),
        "memory": out_of_memory(error),
    }
    if handle is not None and type(error).__module__ != "builtins":
        described["h"] = handle(type(error))
    for name, value in (("args", list(error.args)), ("attributes", _attributes(error))):
        encoder = Encoder(_not_data, lambda tensor, _: _not_data(tensor))
        try:
            described[name] = encoder.encode(value)
        except Exception:  # what cannot be copied is left out: the text says the rest
            continue
        if encoder.tensors:
            del described[name]
    return described


def _attributes(error: BaseException) -> dict[str, Any]:
    own = getattr(error, "__dict__", {})
    return {name: value for name, value in own.items() if type(name) is str and not name.startswith("_")}


def _not_data(value: object) -> dict[str, Json]:
    raise NotData(type(value).__name__)


class RemoteErrors:
    """The student's own exception classes, each as a class of the judge's by which a test can catch it."""

    def __init__(self) -> None:
        self._by_handle: dict[int, type[Exception]] = {}
        self._handles: dict[type, int] = {}

    def class_for(self, facts: Mapping[str, Any]) -> type[Exception] | None:
        """The class for a reference to a class of exceptions; None where it refers to something else."""
        bases = facts.get("classes")
        names = [str(base) for base in bases] if isinstance(bases, list) else []
        builtin = [name.removeprefix("builtins.") for name in names if name.startswith("builtins.")]
        if "Exception" not in builtin or type(facts.get("h")) is not int:
            return None
        if names[0].startswith("builtins."):
            return _usable(builtin[0])
        return self._class(facts["h"], names[0].rpartition(".")[2], builtin)

    def handle_of(self, kind: type) -> int | None:
        """The student's handle of such a class."""
        return self._handles.get(kind)

    def made(self, described: Mapping[str, Any], student: Any) -> BaseException:
        """An exception of the student's as one that the test can catch: its built-in type, or one of its own name.

        >>> RemoteErrors().made({"name": "ValueError", "bases": ["ValueError", "Exception"], "text": "no"}, None)
        ValueError('no')
        >>> mine = {"name": "MyError", "bases": ["KeyError", "Exception"], "text": "no", "h": 7}
        >>> isinstance(RemoteErrors().made(mine, None), KeyError)
        True
        """
        name = str(described.get("name", "Exception"))[:200]
        text = str(described.get("text", ""))[:4000]
        found = described.get("bases")
        bases = [str(base) for base in found] if isinstance(found, list) else []
        handle = described.get("h")
        kind: Any = None
        if bases[:1] == [name]:
            kind = _usable(name)
        elif type(handle) is int and "Exception" in bases and name not in _NOT_RAISED and bases[0] not in _NOT_RAISED:
            kind = self._class(handle, name, bases)
        return _instance(kind or _named(name), text, described)

    def _class(self, handle: int, name: str, bases: list[str]) -> type[Exception]:
        known = self._by_handle.get(handle)
        if known is None:
            base = next((b for b in (_usable(base) for base in bases) if b not in (None, Exception)), RemoteError)
            known = type(name if name.isidentifier() else "StudentError", (base,), {})
            self._by_handle[handle], self._handles[known] = known, handle
        return known


def _usable(name: str) -> type[Exception] | None:
    base = getattr(builtins, name, None)
    usable = isinstance(base, type) and issubclass(base, Exception) and name not in _NOT_RAISED
    return base if usable else None


def _named(name: str) -> type[Exception]:
    return type(name if name.isidentifier() else "StudentError", (RemoteError,), {})


def _instance(kind: type[Exception], text: str, described: Mapping[str, Any]) -> BaseException:
    arguments, attributes = _data(described.get("args")), _data(described.get("attributes"))
    error: BaseException | None = None
    for args in (arguments, [text]):
        try:
            error = kind(*args) if isinstance(args, list) else None
        except Exception:  # UnicodeDecodeError and its like want arguments of their own
            continue
        if error is not None and str(error) == text:
            break
    made = error or RemoteError(text)
    for name, value in attributes.items() if isinstance(attributes, dict) else ():
        if type(name) is str and name.isidentifier() and not name.startswith("_"):
            made.__dict__[name] = value
    return made


def _data(node: Json) -> Any:
    try:
        return None if node is None else Decoder({}, _refused, lambda node, _: _refused(node)).decode(node)
    except WireError:
        return None


def _refused(node: object) -> Any:
    raise WireError("only plain data is told of an exception")
