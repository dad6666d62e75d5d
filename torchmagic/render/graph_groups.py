"""The tree of a graph's modules: which operations and which parameters belong to which call of a module."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from torchmagic.graph_records import GraphModule
from torchmagic.render.graph_homes import homes
from torchmagic.render.graph_plain import Plain
from torchmagic.render.graph_repeats import slices, stretches

_MOST_ITEMS = 60
"""Above this many parts, a group that has no modules in it is told in pieces."""
_LEAST_SOURCES = 3
_LEAST_BARE = 10
"""Repeats of so few operations without a module are drawn one by one: they may well stand side by side."""
_DIGITS = re.compile(r"\d+")


@dataclass(slots=True)
class Group:
    """A call of a module, a run of repeats, or a piece of a long sequence.

    Attributes:
        kind: "module" (also the whole graph, which has no module), "run" or "piece".
        module: the call.
        parent: number of the group around it; -1 for the whole graph.
        items: numbers of nodes and groups in it, in the order of the computation.
        sources: numbers of tensors that no operation computed and that are used only here.
        period, count: a run is ``count`` repeats of ``period`` items.
        likeness: the same number for groups that are built alike.
        size: how many nodes it is drawn with, all of it.
    """

    kind: str = "module"
    module: GraphModule | None = None
    parent: int = -1
    items: list[int] = field(default_factory=list)
    sources: list[int] = field(default_factory=list)
    period: int = 0
    count: int = 1
    likeness: int = -1
    size: int = 0


@dataclass(slots=True)
class Tree:
    """The groups of a graph. A node and a group share one numbering: groups come after the nodes.

    Attributes:
        first: number of the whole graph's group, which is the count of nodes.
        groups: by number, less ``first``.
        above: for each node the number of the group that it lies in.
    """

    first: int
    groups: list[Group]
    above: list[int]

    def group(self, number: int) -> Group:
        """The group of that number."""
        return self.groups[number - self.first]

    def parent(self, number: int) -> int:
        """The group around a node or a group; -1 for the whole graph."""
        return self.above[number] if number < self.first else self.group(number).parent

    def inner(self, number: int) -> list[int]:
        """The groups right inside a group."""
        return [item for item in self.group(number).items if item >= self.first]

    def members(self, number: int) -> list[int]:
        """All nodes in a group, or the node itself."""
        found: list[int] = []
        stack = [number]
        while stack:
            each = stack.pop()
            if each < self.first:
                found.append(each)
            else:
                stack += reversed(self.group(each).items)
                stack += reversed(self.group(each).sources)
        return found


def build_tree(plain: Plain, modules: Iterable[GraphModule], roots: Iterable[str] = ()) -> Tree:
    """The groups of a graph, with repeats folded and long sequences in pieces.

    >>> from torchmagic.graph_records import GraphNode
    >>> m = GraphModule("m1", "model", "Linear")
    >>> nodes = (GraphNode("x", "tensor", "x", "data"), GraphNode("f", "operation", "Linear", module="m1"))
    >>> tree = build_tree(Plain(nodes, ()), (m,))
    >>> tree.above
    [2, 3]
    """
    groups, numbers, depths = _module_groups(modules)
    first = len(plain.nodes)
    own = homes(plain, groups, numbers, depths, set(roots))
    tree = Tree(first, groups, [first + home for home in own])
    for group in groups[1:]:
        group.parent += first
    _fill(tree, plain)
    kinds: dict[object, int] = {}
    users = plain.users()
    order = sorted(range(len(groups)), key=lambda number: -depths[number])
    stay = {number for number, node in enumerate(plain.nodes) if node.id in set(roots)}
    for number in order:
        _fold(tree, plain, first + number, kinds, users, stay)
    return tree


def _module_groups(modules: Iterable[GraphModule]) -> tuple[list[Group], dict[str, int], list[int]]:
    """A group for the whole and for each call, with the numbers of their parents (less the count of nodes)."""
    groups, numbers = [Group()], {"": 0}
    for module in modules:
        if module.id not in numbers:
            numbers[module.id] = len(groups)
            groups.append(Group(module=module))
    for group in groups[1:]:
        assert group.module is not None
        group.parent = numbers.get(group.module.parent, 0)
    depths = [0] + [-1] * (len(groups) - 1)
    for start in range(1, len(groups)):
        path: list[int] = []
        number = start
        while depths[number] < 0:
            if number in path:  # calls inside each other: no such thing, but a record may say so
                groups[number].parent = 0
                depths[number] = 1
                break
            path.append(number)
            number = groups[number].parent
        for each in reversed(path):
            depths[each] = depths[groups[each].parent] + 1
    return groups, numbers, depths


def _fill(tree: Tree, plain: Plain) -> None:
    """Put nodes and groups into the groups around them, in the order of the computation."""
    given = {target for _, target, _ in plain.edges}
    placed = {tree.first}
    for number, node in enumerate(plain.nodes):
        home = tree.above[number]
        if node.kind == "tensor" and number not in given:
            tree.group(home).sources.append(number)
            continue
        tree.group(home).items.append(number)
        while home not in placed:
            placed.add(home)
            tree.group(tree.group(home).parent).items.append(home)
            home = tree.group(home).parent
    # a group is entered in the one around it after its own first part, which is when it was first met
    for number in range(tree.first, tree.first + len(tree.groups)):
        if number not in placed and tree.group(number).sources:
            for source in tree.group(number).sources:
                tree.above[source] = tree.first
            tree.groups[0].sources += tree.group(number).sources
            tree.group(number).sources = []


def _fold(
    tree: Tree, plain: Plain, number: int, kinds: dict[object, int], users: Sequence[Sequence[int]], stay: set[int]
) -> None:
    """Give a group its likeness and fold its repeats; those inside it are done already."""
    group = tree.group(number)
    marks = [_mark(tree, plain, item, kinds) for item in group.items]
    about = (group.module.kind, group.module.numel) if group.module is not None else None
    group.likeness = kinds.setdefault((about, tuple(marks)), len(kinds))
    fixed = [item in stay for item in group.items]
    runs = [
        (start, Group("run", period=period, count=count, items=group.items[start : start + period * count]))
        for start, period, count in stretches([-1 - i if fixed[i] else mark for i, mark in enumerate(marks)])
        if count * period >= _LEAST_BARE or any(item >= tree.first for item in group.items[start : start + period])
    ]
    _insert(tree, plain, number, runs, users, kinds)
    if len(group.items) > _MOST_ITEMS:
        plain_operation = [
            item < tree.first and plain.nodes[item].kind == "operation" and item not in stay for item in group.items
        ]
        free = [item not in stay for item in group.items]
        pieces = slices(plain_operation, free, _MOST_ITEMS)
        _insert(tree, plain, number, [(a, Group("piece", items=group.items[a:b])) for a, b in pieces], users, kinds)
    group.size = len(group.sources) + sum(1 if item < tree.first else tree.group(item).size for item in group.items)


def _mark(tree: Tree, plain: Plain, item: int, kinds: dict[object, int]) -> int:
    if item >= tree.first:
        return tree.group(item).likeness
    node = plain.nodes[item]
    return kinds.setdefault((node.kind, node.label if node.kind != "tensor" else "", node.order), len(kinds))


def _insert(
    tree: Tree,
    plain: Plain,
    number: int,
    found: Sequence[tuple[int, Group]],
    users: Sequence[Sequence[int]],
    kinds: dict[object, int],
) -> None:
    """Put groups in the place of the items that they hold, with the sources that only they use."""
    if not found:
        return
    group = tree.group(number)
    items: list[int] = []
    at = 0
    holder: dict[int, int] = {}
    for start, new in found:
        ident = tree.first + len(tree.groups)
        tree.groups.append(new)
        new.parent = number
        items += [*group.items[at:start], ident]
        at = start + len(new.items)
        for item in new.items:
            holder[item] = ident
            if item < tree.first:
                tree.above[item] = ident
            else:
                tree.group(item).parent = ident
    group.items = [*items, *group.items[at:]]
    _move_sources(tree, plain, number, holder, users)
    for _, new in found:
        inside = sum(1 if item < tree.first else tree.group(item).size for item in new.items)
        new.size = inside + len(new.sources)
        new.likeness = kinds.setdefault((new.kind, tuple(new.items)), len(kinds))


def _move_sources(
    tree: Tree, plain: Plain, number: int, holder: dict[int, int], users: Sequence[Sequence[int]]
) -> None:
    """Move sources into a run or piece that alone uses them, where there are many alike: about one a repeat."""
    group = tree.group(number)
    wanted: dict[tuple[int, str, str], list[int]] = {}
    for source in group.sources:
        by = {holder.get(_below(tree, user, number, holder), -1) for user in users[source]}
        if len(by) == 1 and -1 not in by:
            node = plain.nodes[source]
            wanted.setdefault((by.pop(), node.role, _DIGITS.sub("#", node.label)), []).append(source)
    moved: set[int] = set()
    for (ident, _, _), sources in wanted.items():
        run = tree.group(ident)
        if len(sources) >= max(_LEAST_SOURCES, run.count // 2):
            run.sources = run.sources + sources
            moved.update(sources)
            for source in sources:
                tree.above[source] = ident
    group.sources = [source for source in group.sources if source not in moved]


def _below(tree: Tree, user: int, number: int, holder: dict[int, int]) -> int:
    """The item of group ``number`` that a node lies in (-1 where it lies outside)."""
    each = user
    while each >= 0 and each not in holder:
        each = tree.parent(each)
        if each == number:
            return -1
    return each
