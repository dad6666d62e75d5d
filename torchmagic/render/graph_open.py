"""Which groups of a graph are open: those asked for, a number of levels, or as many as can be read."""

from __future__ import annotations

from collections.abc import Sequence
from fnmatch import fnmatchcase

from torchmagic.graph_records import GraphModule
from torchmagic.render.graph_groups import Group, Tree

_SHORT_RUN = 8
"""Folded repeats of so few things are no level of their own."""


def asked_for(tree: Tree, patterns: Sequence[str]) -> set[int]:
    """The whole graph's group, and those that the patterns name, with all around them."""
    opened = {tree.first}
    shown: set[int] = set()
    for pattern in patterns:
        exact = [number for number in _modules(tree) if _matches(tree.group(number).module, pattern)]
        below = (
            [] if exact else [number for number in _modules(tree) if _lies_below(tree.group(number).module, pattern)]
        )
        opened.update(exact)
        inside = set(below)
        shown.update(exact, (number for number in below if not inside & set(_around(tree, number))))
    wanted: dict[int, set[int]] = {}
    for number in shown:
        inner = number
        for around in _around(tree, number):
            wanted.setdefault(around, set()).add(inner)
            inner = around
    for around, items in wanted.items():
        opened.add(around)
        if tree.group(around).kind == "run":
            _split(tree, around, items)
    return opened


def _modules(tree: Tree) -> list[int]:
    return [tree.first + i for i, group in enumerate(tree.groups) if group.module is not None and group.items]


def unmatched(modules: Sequence[GraphModule], patterns: Sequence[str]) -> list[str]:
    """The patterns that name none of the modules.

    >>> unmatched([GraphModule("m1", "net.0", "Linear")], ["net", "0", "Linear", "net.7"])
    ['net.7']
    """
    return [
        pattern
        for pattern in patterns
        if not any(_matches(module, pattern) or _lies_below(module, pattern) for module in modules)
    ]


def _matches(module: GraphModule | None, pattern: str) -> bool:
    assert module is not None
    path = module.path
    return (
        fnmatchcase(path, pattern)
        or fnmatchcase(path, f"*.{pattern}")
        or path == pattern
        or path.endswith(f".{pattern}")
        or module.kind == pattern
    )


def _lies_below(module: GraphModule | None, pattern: str) -> bool:
    assert module is not None
    path = module.path
    return path.startswith(f"{pattern}.") or f".{pattern}." in path


def _around(tree: Tree, number: int) -> list[int]:
    found: list[int] = []
    number = tree.parent(number)
    while number >= 0:
        found.append(number)
        number = tree.parent(number)
    return found


def _split(tree: Tree, run: int, shown: set[int]) -> None:
    """Make of a run its repeats that hold one of ``shown``, and runs of those between."""
    group = tree.group(run)
    parts: list[int] = []
    between: list[int] = []
    for start in [*range(0, len(group.items), group.period), None]:
        repeat = [] if start is None else group.items[start : start + group.period]
        if repeat and not shown.intersection(repeat):
            between += repeat
            continue
        parts += [_part(tree, run, between)] if len(between) > group.period else between
        parts += repeat
        between = []
    group.items = parts
    group.kind = "piece"


def _part(tree: Tree, run: int, items: list[int]) -> int:
    """A new run of some of the repeats of one."""
    number = tree.first + len(tree.groups)
    size = sum(1 if each < tree.first else tree.group(each).size for each in items)
    period = tree.group(run).period
    tree.groups.append(Group("run", None, run, items, [], period, len(items) // period, number, size))
    for each in items:
        if each < tree.first:
            tree.above[each] = number
        else:
            tree.group(each).parent = number
    return number


def open_to_depth(tree: Tree, opened: set[int], depth: int) -> None:
    """Open so many levels, besides what is open."""
    level = [(number, 0) for number in tree.inner(tree.first)]
    while level:
        following: list[tuple[int, int]] = []
        for number, above in level:
            group = tree.group(number)
            free = group.kind != "module" and len(group.items) + len(group.sources) <= _SHORT_RUN
            if above < depth or number in opened or free:
                opened.add(number)
                step = 0 if free or (number in opened and above >= depth) else 1
                following += [(inner, above + step) for inner in tree.inner(number)]
        level = following


def open_to_limit(tree: Tree, opened: set[int], limit: int) -> None:
    """Open level by level, what is built alike together, while what is drawn stays within the limit."""
    drawn = sum(_cost(tree, number) for number in opened) + 1
    asked = frozenset(opened)
    level = [tree.first]
    while level:
        inner = [item for number in level if number in opened for item in tree.inner(number)]
        kinds: dict[object, list[int]] = {}
        for number in inner:
            if number not in opened:
                group = tree.group(number)
                kinds.setdefault((group.kind, _class(tree, number)), []).append(number)
        full = False
        for numbers in sorted(kinds.values(), key=lambda each: (_cost(tree, each[0]) * len(each), each[0])):
            cost = sum(_cost(tree, number) for number in numbers)
            if tree.group(numbers[0]).kind != "module":  # repeats are opened only where all of it can be drawn
                cost_to_fit = sum(tree.group(number).size - 1 for number in numbers)
            else:
                cost_to_fit = cost
            if drawn + cost_to_fit <= limit:
                opened.update(numbers)
                drawn += cost
            else:
                full = full or tree.group(numbers[0]).kind == "module"
        level = [number for number in inner if not full or number in asked or _cost(tree, number) == 0]


def _class(tree: Tree, number: int) -> object:
    """What groups of one class, which are opened together, have in common."""
    group = tree.group(number)
    if group.module is not None:
        return group.module.kind
    modules = [tree.group(item).module for item in group.items[: group.period] if item >= tree.first]
    kinds = tuple(module.kind for module in modules if module is not None)
    return kinds or group.likeness


def _cost(tree: Tree, number: int) -> int:
    """How many nodes more are drawn when a group is opened."""
    return len(tree.group(number).items) + len(tree.group(number).sources) - 1
