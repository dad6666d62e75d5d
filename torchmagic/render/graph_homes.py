"""Which module's group each node of a graph is drawn in."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from torchmagic.graph_records import GraphModule, GraphNode
from torchmagic.render.graph_plain import Plain


class Home(Protocol):
    """A group: its call of a module, and the number of the group around it."""

    module: GraphModule | None
    parent: int


def homes(
    plain: Plain, groups: Sequence[Home], numbers: dict[str, int], depths: Sequence[int], roots: set[str]
) -> list[int]:
    """For each node the group that it is drawn in."""
    if len(groups) == 1:
        return [0] * len(plain.nodes)

    def common(one: int, two: int) -> int:
        while one != two:
            if depths[one] >= depths[two]:
                one = groups[one].parent
            else:
                two = groups[two].parent
        return one

    users, givers = plain.users(), plain.givers()
    made = [numbers.get(node.module, 0) for node in plain.nodes]
    for number, node in enumerate(plain.nodes):
        if node.kind == "tensor" and givers[number]:
            made[number] = made[givers[number][-1]]
    found = list(made)
    for number, node in enumerate(plain.nodes):
        if node.kind != "tensor":
            continue
        by = [made[user] for user in users[number]]
        if givers[number]:  # a result is drawn outside of the modules that it leaves
            deepest = 0
            for each in by:
                shared = common(made[number], each)
                deepest = shared if depths[shared] > depths[deepest] else deepest
            found[number] = 0 if node.id in roots else deepest
            continue
        inside = by[0] if by else 0
        for each in by:
            inside = common(inside, each)
        found[number] = _source_home(node, number, inside, groups, users, givers, numbers, common)
    return found


def _source_home(
    node: GraphNode,
    number: int,
    inside: int,
    groups: Sequence[Home],
    users: Sequence[Sequence[int]],
    givers: Sequence[Sequence[int]],
    numbers: dict[str, int],
    common: Callable[[int, int], int],
) -> int:
    """Where a tensor that no operation computed belongs: a module's own lies in it, what it is given outside."""
    if node.role == "parameter" or not inside:
        return inside
    if node.label:
        around = inside
        while around:
            module = groups[around].module
            if module is not None and node.label.startswith(f"{module.path}."):
                return inside
            around = groups[around].parent
        return 0
    if numbers.get(node.module, 0):
        return common(numbers[node.module], inside)
    computed = all(any(givers[other] for other in givers[user]) for user in users[number])
    return inside if computed else 0
