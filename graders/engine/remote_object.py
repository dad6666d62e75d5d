"""What the judge holds of an object that stays in the student's process: it can be called and read, never believed.

A remote object answers no comparison with data and no truth test: an object whose ``__eq__`` always says yes would
otherwise pass for any answer. Only data that was copied here is compared. Two objects of the student's may be compared
with each other, over there: whoever wrote both could as well have made them equal.
"""

from __future__ import annotations

import functools
import operator
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NoReturn

from graders.engine.shown_types import shown_class

#: How libraries ask an object to do their work for them, comparing among it.
_PROTOCOLS = ("__torch_", "__array", "__cuda_array", "__dlpack", "__dataframe__", "__arrow")

#: Methods by which tensors, arrays and frames compare themselves with another one.
_COMPARED_BY = "allclose isclose equal equals eq ne lt le gt ge compare identical array_equal isin sub subtract dist"
_COMPARED_BY_TOO = "__eq__ __ne__ __lt__ __le__ __gt__ __ge__ issubset issuperset isdisjoint"
_COMPARISONS = frozenset((*_COMPARED_BY.split(), *_COMPARED_BY_TOO.split()))


class RemoteError(TypeError):
    """A check asked of the student's object what only data can answer, or the student's own error."""


class CannotSend(RemoteError):
    """A value of the test cell's own that the student's process cannot be given: nothing that a student could mend."""

    is_no_answer = True  # a check passes it on


class RemoteObject:
    """A handle to an object of the student's; attributes, items, iteration and arithmetic go over the wire."""

    _remote_student: Any
    _remote_handle: int
    _remote_facts: Mapping[str, Any]

    def __init__(self, student: Any, handle: int, facts: Mapping[str, Any]) -> None:
        for name, value in (("student", student), ("handle", handle), ("facts", dict(facts))):
            object.__setattr__(self, f"_remote_{name}", value)

    def __getattr__(self, name: str) -> Any:
        if name.startswith(_PROTOCOLS):
            raise AttributeError(name)
        if name in ("__signature__", "__code__") and self._remote_facts.get("callable"):
            return self._remote_student.described(name, self)
        value = self._remote_student.getattr(self._remote_handle, name)
        return _Comparing(self, name, value) if name in _COMPARISONS and callable(value) else value

    def __setattr__(self, name: str, value: object) -> None:
        self._remote_student.setattr(self._remote_handle, name, value)

    @property  # type: ignore[misc]
    def __class__(self) -> type:
        """The type that isinstance sees: a module's, an optimizer's, a function's, or one of the student's own."""
        return shown_class(self._remote_facts) or type(self)

    @property
    def __doc__(self) -> Any:  # type: ignore[override]
        """The docstring of the student's object."""
        return self._remote_student.getattr(self._remote_handle, "__doc__")

    def __dir__(self) -> list[str]:
        return [str(name) for name in self._remote_student.do("dir", self)]

    def __repr__(self) -> str:
        return self._remote_text("repr")

    def __str__(self) -> str:
        return self._remote_text("str")

    def __len__(self) -> int:
        return operator.index(self._remote_student.do("len", self))

    def __iter__(self) -> Iterator[Any]:
        iterator = self._remote_student.do("iter", self)
        return iter(iterator) if not isinstance(iterator, RemoteObject) else _items(iterator)

    def __next__(self) -> Any:
        try:
            return self._remote_student.do("next", self)
        except RemoteError as error:
            if type(error).__name__ == "StopIteration":
                raise StopIteration(*error.args) from None
            raise

    def __getitem__(self, key: object) -> Any:
        return self._remote_student.do("getitem", self, key)

    def __setitem__(self, key: object, value: object) -> None:
        self._remote_student.do("setitem", self, key, value)

    def __delitem__(self, key: object) -> None:
        self._remote_student.do("delitem", self, key)

    def __contains__(self, item: object) -> bool:
        return any(item is mine or item == mine for mine in self)  # compared here, never over there

    def __float__(self) -> float:
        return float(self._remote_data("float"))

    def __int__(self) -> int:
        return int(self._remote_data("int"))

    def __enter__(self) -> Any:
        return self._remote_student.do("enter", self)

    def __exit__(self, kind: Any, error: Any, trace: Any) -> bool:
        return bool(self._remote_student.leave(self, error))

    def __copy__(self) -> Any:
        return self._remote_student.do("copy", self)

    def __deepcopy__(self, memo: object) -> Any:
        return self._remote_student.do("deepcopy", self)

    def __bool__(self) -> bool:
        if self._remote_facts.get("type") not in ("builtins.code", "builtins.frame"):
            self._remote_refuse("a truth value")
        return True  # asyncio asks a coroutine for these, and whether they are there

    def __hash__(self) -> int:
        value = self._remote_student.do("hash", self)
        if type(value) is not int:
            self._remote_refuse("a hash")
        return value

    def __instancecheck__(self, instance: object) -> bool:
        return isinstance(instance, RemoteObject) and self._remote_student.do("isinstance", instance, self) is True

    def __subclasscheck__(self, kind: object) -> bool:
        return isinstance(kind, RemoteObject) and self._remote_student.do("issubclass", kind, self) is True

    def _remote_refuse(self, what: str) -> NoReturn:
        kind = str(self._remote_facts.get("type", "object"))[:200]
        name = str(self._remote_facts.get("name", ""))[:200]
        shown = f"{name!r} ({kind})" if name else f"an object of type {kind}"
        self._remote_student.refused = True
        raise RemoteError(f"expected data (a number, a tensor, a list, ...), got {shown}: it cannot answer {what}")

    def _remote_data(self, what: str) -> Any:
        value = self._remote_student.do(what, self)
        if not isinstance(value, int | float):
            self._remote_refuse(f"{what}()")
        return value

    def _remote_text(self, what: str) -> str:
        value = self._remote_student.do(what, self)
        return value if isinstance(value, str) else "<no text>"


class RemoteCallable(RemoteObject):
    # a function, class or other callable of the student's; its docstring is the student's own, too
    __doc__ = RemoteObject.__dict__["__doc__"]

    def __call__(self, /, *args: object, **kwargs: object) -> Any:
        return self._remote_student.call(self._remote_handle, args, kwargs)


def named_kind(facts: Mapping[str, Any]) -> type[RemoteObject]:
    """A class of remote objects that has the name of the student's class, for messages and ``type(x).__name__``."""
    base = RemoteCallable if facts.get("callable") else RemoteObject
    module, _, name = str(facts.get("type", "")).rpartition(".")
    return _kind(base, module, name) if name.isidentifier() else base


@functools.lru_cache(maxsize=1024)
def _kind(base: type[RemoteObject], module: str, name: str) -> type[RemoteObject]:
    shared = {"__doc__": RemoteObject.__dict__["__doc__"], "__module__": module, "__hash__": RemoteObject.__hash__}
    return type(name, (base,), shared)


class _Comparing:
    """A comparing method of the student's object: it takes another such object, and no data of the test's."""

    def __init__(self, owner: RemoteObject, name: str, method: Callable[..., Any]) -> None:
        self._owner, self._name, self._method = owner, name, method

    def __call__(self, /, *args: object, **kwargs: object) -> Any:
        if not all(isinstance(value, RemoteObject) for value in (*args, *kwargs.values())):
            self._owner._remote_refuse(f"{self._name}()")
        return self._method(*args, **kwargs)


#: Operators by which a test measures how far an answer is off: what it is measured against never goes over the wire.
_MEASURING = frozenset(("sub", "truediv", "floordiv", "mod", "and_", "or_", "xor"))


def _operator(name: str) -> Callable[..., Any]:
    def forward(self: RemoteObject, *others: object) -> Any:
        _keep_measure(self, name, others)
        return _computed(self, others, self._remote_student.do(name, self, *others))

    return forward


def _reflected(name: str) -> Callable[..., Any]:
    def backward(self: RemoteObject, other: object) -> Any:
        _keep_measure(self, name, (other,))
        return _computed(self, (other,), self._remote_student.do(name, other, self))

    return backward


def _keep_measure(owner: RemoteObject, name: str, others: tuple[object, ...]) -> None:
    if name in _MEASURING and not all(isinstance(other, RemoteObject) for other in others):
        owner._remote_refuse("arithmetic")


def _computed(owner: RemoteObject, others: tuple[object, ...], result: Any) -> Any:
    """An operator's result: numbers only where no number of the test's went in, as in ``abs(answer - 8.0) < 1e-6``."""
    if not isinstance(result, RemoteObject) and not all(isinstance(other, RemoteObject) for other in others):
        owner._remote_refuse("arithmetic")
    return result


for _name in ("add", "sub", "mul", "truediv", "floordiv", "mod", "pow", "matmul", "and_", "or_", "xor"):
    setattr(RemoteObject, f"__{_name.rstrip('_')}__", _operator(_name))
    setattr(RemoteObject, f"__r{_name.rstrip('_')}__", _reflected(_name))
for _name in ("neg", "pos", "abs", "invert"):
    setattr(RemoteObject, f"__{_name}__", _operator(_name))


def _comparison(name: str) -> Callable[..., Any]:
    def compare(self: RemoteObject, other: object) -> Any:
        if not isinstance(other, RemoteObject):
            self._remote_refuse("a comparison")
        value = self._remote_student.do(name, self, other)
        if value is NotImplemented or isinstance(value, RemoteObject):
            self._remote_refuse("a comparison")
        return value

    return compare


for _name in ("eq", "ne", "lt", "le", "gt", "ge"):
    setattr(RemoteObject, f"__{_name}__", _comparison(_name))


def _items(iterator: RemoteObject) -> Iterator[Any]:
    while True:
        try:
            item = next(iterator)
        except StopIteration:
            return
        yield item
