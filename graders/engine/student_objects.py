"""What stays in the student's process: objects by handle, what the judge may do to them, what it is told of them."""

from __future__ import annotations

import copy
import inspect
import operator
import types
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from graders.engine.public_names import public_home
from graders.engine.values import Json
from graders.engine.wire import WireError

_NOT_TEXT = "<its text cannot be had>"

#: What the judge may do to a handle, besides reading and setting attributes and calling it.
OPERATIONS: dict[str, Callable[..., Any]] = {
    "len": len,
    "iter": iter,
    "next": lambda value: value.send(None) if isinstance(value, types.CoroutineType) else next(value),
    "repr": repr,
    "str": str,
    "dir": dir,
    "abs": abs,
    "float": float,
    "int": int,
    "hash": hash,
    "copy": copy.copy,
    "deepcopy": copy.deepcopy,
    "isinstance": isinstance,
    "issubclass": issubclass,
    "getitem": operator.getitem,
    "setitem": operator.setitem,
    "delitem": operator.delitem,
    "contains": operator.contains,
    **{name: getattr(operator, name) for name in ("add", "sub", "mul", "truediv", "floordiv", "mod", "pow", "matmul")},
    **{name: getattr(operator, name) for name in ("neg", "pos", "invert", "and_", "or_", "xor")},
    **{name: getattr(operator, name) for name in ("eq", "ne", "lt", "le", "gt", "ge")},
    "enter": lambda manager: type(manager).__enter__(manager),
}


@dataclass
class Objects:
    """All objects that the judge holds handles to; one to a student process."""

    by_handle: dict[int, object] = field(default_factory=dict)
    handles: dict[int, int] = field(default_factory=dict)
    last: int = 0

    def handle(self, value: object) -> int:
        """The handle of an object, made at first sight; the object then stays alive until it is freed."""
        known = self.handles.get(id(value))
        if known is None:
            self.last += 1
            known = self.handles[id(value)] = self.last
            self.by_handle[known] = value
        return known

    def get(self, handle: object) -> object:
        """The object behind a handle."""
        return self.by_handle[handle]  # type: ignore[index]

    def free(self, handles: Sequence[int]) -> None:
        """Let go of objects that the judge no longer holds."""
        for handle in handles:
            value = self.by_handle.pop(handle, None)
            if value is not None:
                self.handles.pop(id(value), None)

    def describe(self, value: object) -> dict[str, Json]:
        """The JSON by which the judge knows an object."""
        kind = type(value)
        facts: dict[str, Json] = {
            "t": "ref",
            "h": self.handle(value),
            "callable": callable(value),
            "type": _path(kind),
            "mro": [_path(base) for base in kind.__mro__[:40]],
            "name": _text(value, "__name__"),
        }
        home = public_home(value)
        if home:
            facts["home"] = home
        if issubclass(kind, types.ModuleType):
            facts["module"] = facts["name"]
        if issubclass(kind, type):
            facts["classes"] = [_path(base) for base in type.__dict__["__mro__"].__get__(value)[:40]]
        return facts


def describe_signature(function: Any) -> list[Any]:
    """A callable's parameters, for :func:`inspect.signature` in the judge: plain values, but for what defaults are."""
    signature = inspect.signature(function)
    rows = [
        [
            parameter.name,
            parameter.kind.name,
            parameter.default is not inspect.Parameter.empty,
            None if parameter.default is inspect.Parameter.empty else parameter.default,
            _annotation(parameter.annotation),
        ]
        for parameter in signature.parameters.values()
    ]
    return [rows, _annotation(signature.return_annotation)]


def _annotation(value: Any) -> Any:
    """An annotation: absent, a built-in or torch class by name, or whatever it is otherwise."""
    if value is inspect.Parameter.empty:
        return None
    if isinstance(value, type) and value.__module__ in ("builtins", "torch"):
        return ["class", f"{value.__module__}.{value.__qualname__}"]
    return ["value", value]


def _path(kind: type) -> str:
    return f"{_text(kind, '__module__')}.{_text(kind, '__qualname__')}"


def _text(value: object, name: str) -> str:
    try:
        text = getattr(value, name, "")
        return text[:300] if type(text) is str else ""
    except BaseException:  # a student's own attribute access may do anything; its text is optional
        return _NOT_TEXT


def need(request: Mapping[str, Json], name: str) -> Any:
    """A field of a request; WireError where it is missing."""
    if name not in request:
        raise WireError(f"the request lacks {name!r}")
    return request[name]
