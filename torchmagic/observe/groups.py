"""From a container, module or optimizer to a GroupRecord: a bounded tree, with totals over all that is below."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch

from torchmagic.observe.opened import MOST, Opened, opened
from torchmagic.observe.tensors import is_observable, observe_many
from torchmagic.records import GroupRecord, TensorRecord

DEPTH = 5
"""Levels of groups within groups that are shown unless the user asks for more."""

MAX_ROWS = 50
"""Tensors and groups that are shown unless the user asks for more."""

_DEEPEST = 60
_BASE: Any = torch._C.TensorBase
_Sizes = dict[int, tuple[int, int, int]]  # by identity: elements, those that require gradients, bytes


@dataclass(slots=True)
class _Branch:
    """A group on its way: what is in it, before any tensor is read."""

    name: str
    kind: str
    facts: list[tuple[str, str]]
    tensors: list[tuple[str, Any]] = field(default_factory=list)
    groups: list[_Branch] = field(default_factory=list)
    sizes: _Sizes = field(default_factory=dict)
    more: int = 0


def observe_group(
    value: object,
    name: str,
    *,
    depth: int = DEPTH,
    max_rows: int = MAX_ROWS,
    stats: bool = True,
    plot: bool = False,
    names: Mapping[int, str] | None = None,
) -> GroupRecord | None:
    """The tree of tensors in a container, module or optimizer; None where there is none.

    Args:
        value: what to look into.
        name: the expression that reaches it.
        depth: how many levels of groups to show; deeper ones are counted only.
        max_rows: how many tensors and groups to show.
        stats, plot: as in :func:`~torchmagic.observe.tensors.observe_tensor`.
        names: what the user calls a tensor, by its ``id``; for those that an optimizer knows by number only.

    >>> record = observe_group(torch.nn.Linear(3, 2), "model")
    >>> record.kind, record.numel, record.trainable, [tensor.name for tensor in record.tensors]
    ('Linear(in_features=3, out_features=2, bias=True)', 8, 8, ['model.weight', 'model.bias'])
    """
    return observe_groups([(name, value)], depth=depth, max_rows=max_rows, stats=stats, plot=plot, names=names)[0]


def observe_groups(
    values: Iterable[tuple[str, object]],
    *,
    depth: int = DEPTH,
    max_rows: int = MAX_ROWS,
    stats: bool = True,
    plot: bool = False,
    names: Mapping[int, str] | None = None,
) -> list[GroupRecord | None]:
    """Several trees, as :func:`observe_group` makes them, with one wait for a device at most."""
    branches = [_Walk(depth, max_rows, names or {}).branch(name, value) for name, value in values]
    found = [(name, item, "") for branch in branches if branch for name, item in _tensors(branch)]
    records = iter(observe_many(found, stats=stats, plot=plot))
    return [_record(branch, records) if branch else None for branch in branches]


class _Walk:
    """One walk over a tree."""

    def __init__(self, depth: int, max_rows: int, names: Mapping[int, str]) -> None:
        self._depth = min(max(depth, 1), _DEEPEST)
        self._rows = max(max_rows, 1)
        self._names = names
        self._seen: dict[int, str] = {}

    def branch(self, name: str, value: object, level: int = 1, mode: str = "") -> _Branch | None:
        """The group for one value and all that is shown below it; None where it holds no tensor."""
        inside = value if type(value) is Opened else opened(value)
        if inside is None:
            return None
        own = dict(inside.facts).get("mode", "")
        facts = [fact for fact in inside.facts if fact != ("mode", mode)]  # said once, and where it changes
        branch = _Branch(name, inside.kind, facts, more=inside.more)
        if id(value) in self._seen:
            branch.facts = [("same as", self._seen[id(value)])]
            return branch
        self._seen[id(value)] = name
        for ending, item in inside.entries:
            place = f"{name}{ending}"
            known = self._names.get(id(item), place) if inside.numbered and is_observable(item) else place
            self._enter(branch, known, item, level, own or mode)
        return branch if branch.sizes or branch.groups or inside.keep or branch.more else None

    def _enter(self, branch: _Branch, name: str, item: Any, level: int, mode: str) -> None:
        if is_observable(item):
            branch.sizes[id(item)] = _size(item)
            if self._rows > 0:
                self._rows -= 1
                branch.tensors.append((name, item))
            else:
                branch.more += 1
            return
        if type(item) is Opened and item.about in self._names:
            name = f"{self._names[item.about]} state"
        if level < self._depth and self._rows > 0:
            before = self._rows
            self._rows -= 1
            child = self.branch(name, item, level + 1, mode)
            if child is None:
                self._rows = before
                return
            branch.groups.append(child)
            branch.sizes.update(child.sizes)
        else:
            sizes = self._below(item)
            branch.sizes.update(sizes)
            branch.more += len(sizes)

    def _below(self, item: Any) -> _Sizes:
        """Sizes of the tensors in what is too deep, or too far down, to show."""
        sizes: _Sizes = {}
        stack = [item]
        looked = 0
        while stack and looked < MOST:
            looked += 1
            value = stack.pop()
            if is_observable(value):
                sizes[id(value)] = _size(value)
                continue
            if id(value) in self._seen:
                continue
            inside = value if type(value) is Opened else opened(value)
            if inside is not None:
                self._seen[id(value)] = "above"
                stack.extend(entry for _, entry in inside.entries)
        return sizes


def _size(item: Any) -> tuple[int, int, int]:
    try:
        if not issubclass(type(item), torch.Tensor):
            numel = 1
            for size in tuple(item.shape):
                numel *= int(size)
            return numel, 0, int(getattr(item, "nbytes", 0) or 0)
        numel = _BASE.numel(item)
        if type(numel) is not int:  # a symbol: whoever traces would have to decide on it
            return 0, 0, 0
        trainable = numel if _BASE.requires_grad.__get__(item) else 0
        return numel, trainable, numel * int(_BASE.element_size(item))
    except Exception:  # kinds without a size, such as those not initialised yet
        return 0, 0, 0


def _tensors(branch: _Branch) -> Iterable[tuple[str, Any]]:
    yield from branch.tensors
    for group in branch.groups:
        yield from _tensors(group)


def _record(branch: _Branch, records: Any) -> GroupRecord:
    tensors: tuple[TensorRecord, ...] = tuple(next(records) for _ in branch.tensors)
    groups = tuple(_record(group, records) for group in branch.groups)
    numel, trainable, nbytes = (
        (sum(column) for column in zip(*branch.sizes.values(), strict=True)) if branch.sizes else (0, 0, 0)
    )
    return GroupRecord(
        branch.name, branch.kind, tuple(branch.facts), tensors, groups, numel, trainable, nbytes, branch.more
    )
