"""In the student's process: what stands for an object of the test's, which is used where it is, in the judge."""

from __future__ import annotations

import operator
from collections.abc import Iterator, Mapping
from typing import Any


class Borrowed:
    """An object of the test's: it can be called, gone through, and asked for public attributes."""

    _borrowed_link: Any
    _borrowed_number: int
    _borrowed_facts: Mapping[str, Any]

    def __init__(self, link: Any, number: int, facts: Mapping[str, Any]) -> None:
        for name, value in (("link", link), ("number", number), ("facts", dict(facts))):
            object.__setattr__(self, f"_borrowed_{name}", value)

    def __getattr__(self, name: str) -> Any:
        if name == "__name__" and self._borrowed_facts.get("name"):
            return self._borrowed_facts["name"]
        if name.startswith("_") or not self._borrowed_facts.get("reads"):
            raise AttributeError(f"{self._borrowed_facts.get('type')!r} object has no attribute {name!r}")
        return self._borrowed_link.use("getattr", self, name=name)

    def __setattr__(self, name: str, value: object) -> None:
        self._borrowed_link.use("setattr", self, {"value": value}, name=name)

    def __repr__(self) -> str:
        return str(self._borrowed_do("repr"))

    def __str__(self) -> str:
        return str(self._borrowed_do("str"))

    def __len__(self) -> int:
        return operator.index(self._borrowed_do("len"))

    def __getitem__(self, key: object) -> Any:
        return self._borrowed_do("getitem", key)

    def __contains__(self, item: object) -> bool:
        return bool(self._borrowed_do("contains", item))

    def __iter__(self) -> Iterator[Any]:
        found = self._borrowed_do("iter")
        return found if isinstance(found, Borrowed) else iter(found)

    def __next__(self) -> Any:
        return self._borrowed_do("next")

    def __bool__(self) -> bool:
        return True

    def _borrowed_do(self, what: str, *args: object) -> Any:
        return self._borrowed_link.use("do", self, {"args": list(args)}, what=what)


class BorrowedCallable(Borrowed):
    """A function, method or other callable of the test's."""

    def __call__(self, /, *args: object, **kwargs: object) -> Any:
        return self._borrowed_link.use("call", self, {"args": list(args), "kwargs": kwargs})


def borrowed(link: Any, number: int, facts: Mapping[str, Any]) -> Borrowed:
    """What stands for the object of that number."""
    base = BorrowedCallable if facts.get("callable") else Borrowed
    name = str(facts.get("type", ""))
    shared = {"__doc__": facts.get("doc")}
    kind: type[Borrowed] = type(name, (base,), shared) if name.isidentifier() else base
    return kind(link, number, facts)
