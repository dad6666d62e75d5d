"""Collapse a graph by module: which groups are open, and the boxes and edges that are left to draw.

Pure functions on records. What is drawn never has a cycle that the graph does not have: a group that a way leaves
and enters again is opened.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

from torchmagic.graph_records import GraphEdge, GraphNode, GraphRecord
from torchmagic.render.graph_folds import Fold, fold_of
from torchmagic.render.graph_groups import Tree, build_tree
from torchmagic.render.graph_look import Look
from torchmagic.render.graph_open import asked_for, open_to_depth, open_to_limit
from torchmagic.render.graph_plain import Plain, knotted

_FRAMED = 2


@dataclass(frozen=True, slots=True)
class Frame:
    """An open module: its path, ``label`` and ``title``, the frame around it (its number, -1 for none), its group."""

    path: str
    label: str
    title: str
    parent: int = -1
    group: int = -1


@dataclass(frozen=True, slots=True)
class Collapsed:
    """What is left to draw.

    Attributes:
        nodes: nodes of the record, and folds in the place of groups.
        edges: by the ids of those.
        frames: open modules, outer before inner.
        within: for each id the number of the innermost frame around it, where there is one.
        fused: unnamed tensors drawn with their operation, by its id.
        folded: how many operations the folds hold.
    """

    nodes: tuple[GraphNode | Fold, ...]
    edges: tuple[GraphEdge, ...]
    frames: tuple[Frame, ...] = ()
    within: dict[str, int] | None = None
    fused: dict[str, GraphNode] | None = None
    folded: int = 0


def collapse(record: GraphRecord, plain: Plain, look: Look, limit: int) -> Collapsed:
    """The graph with its modules and repeats collapsed.

    Args:
        record: the whole record.
        plain: its graph, with unnamed results fused or not.
        look: what to open.
        limit: how many nodes may be drawn, where ``look`` gives no depth.
    """
    tree = build_tree(plain, record.modules, record.roots)
    return collapse_tree(record, plain, tree, look, limit)


def collapse_tree(record: GraphRecord, plain: Plain, tree: Tree, look: Look, limit: int) -> Collapsed:
    """As :func:`collapse`, of a tree that was built before."""
    return collapse_opened(record, plain, tree, opened_groups(tree, look, limit))


def opened_groups(tree: Tree, look: Look, limit: int) -> set[int]:
    """Which groups a look opens."""
    opened = asked_for(tree, look.expand)
    if look.depth is None:
        open_to_limit(tree, opened, limit)
    else:
        open_to_depth(tree, opened, look.depth)
    return opened


def collapse_opened(record: GraphRecord, plain: Plain, tree: Tree, opened: set[int]) -> Collapsed:
    """As :func:`collapse`, with these groups open; those that must be besides are added to them."""
    drawn = _untied(tree, plain, opened)
    return _result(record, plain, tree, opened, drawn)


def _drawn_as(tree: Tree, opened: set[int]) -> list[int]:
    """For each node what it is drawn as: itself, or the outermost closed group around it."""
    drawn = list(range(tree.first))
    stack = [tree.first]
    while stack:
        number = stack.pop()
        for item in tree.inner(number):
            if item in opened:
                stack.append(item)
            else:
                for node in tree.members(item):
                    drawn[node] = item
    return drawn


def _untied(tree: Tree, plain: Plain, opened: set[int]) -> list[int]:
    """What nodes are drawn as, after opening the groups that a way leaves and enters again."""
    while True:
        drawn = _drawn_as(tree, opened)
        ends = [(drawn[source], drawn[target]) for source, target, _ in plain.edges]
        tied = {number for number in _knots(ends) if number >= tree.first}
        if not tied:
            return drawn
        opened |= tied


def _knots(ends: Iterable[tuple[int, int]]) -> set[int]:
    """The numbers that lie on a cycle."""
    apart = list({pair for pair in ends if pair[0] != pair[1]})
    numbers = {number: i for i, number in enumerate(dict.fromkeys(number for pair in apart for number in pair))}
    names = list(numbers)
    return {names[i] for i in knotted(len(names), [(numbers[a], numbers[b]) for a, b in apart])}


def _result(record: GraphRecord, plain: Plain, tree: Tree, opened: set[int], drawn: list[int]) -> Collapsed:
    taken = {node.id for node in plain.nodes}
    ids: dict[int, str] = {}
    nodes: list[GraphNode | Fold] = []
    crossing: dict[int, list[int]] = {}
    for source, target, _ in plain.edges:
        if drawn[source] != drawn[target] and drawn[source] >= tree.first:
            crossing.setdefault(drawn[source], []).append(source)
    frames, within_numbers = _frames(tree, plain, opened, drawn)
    places: dict[int, int] = {}  # a fold stands where the first thing that it computes stands
    given = {target for _, target, _ in plain.edges}
    for number, each in enumerate(drawn):
        if each not in places or (number in given and places[each] not in given):
            places[each] = number
    for each in sorted(places, key=places.__getitem__):
        number = places[each]
        if each < tree.first:
            ids[each] = plain.nodes[number].id
            nodes.append(plain.nodes[number])
        else:
            ident = f"group {each - tree.first}"
            while ident in taken:
                ident += "'"
            ids[each] = ident
            nodes.append(fold_of(plain, tree, each, ident, crossing.get(each, [])))
    edges: dict[tuple[str, str], GraphEdge] = {}
    for source, target, edge in plain.edges:
        pair = ids[drawn[source]], ids[drawn[target]]
        if pair[0] == pair[1]:
            continue
        known = edges.get(pair)
        if known is None:
            same = edge.source == pair[0] and edge.target == pair[1]
            edges[pair] = edge if same else replace(edge, source=pair[0], target=pair[1])
        elif known.grad_text is not None or known.grad_norm is not None:  # of several: none stands for all
            edges[pair] = replace(known, grad_text=None, grad_norm=None)
    within = {ids[number]: frame for number, frame in within_numbers.items() if number in ids}
    fused = {plain.nodes[number].id: node for number, node in plain.fused.items() if drawn[number] == number}
    folded = sum(
        1 for number, each in enumerate(drawn) if each >= tree.first and plain.nodes[number].kind == "operation"
    )
    return Collapsed(tuple(nodes), tuple(edges.values()), frames, within, fused, folded)


def _frames(
    tree: Tree, plain: Plain, opened: set[int], drawn: Sequence[int]
) -> tuple[tuple[Frame, ...], dict[int, int]]:
    """The frames around open modules, and the innermost one around each thing drawn."""
    chosen: dict[int, int] = {}  # group to the group of the frame around it
    level = [(tree.first, -1)]
    levels: list[list[int]] = []
    while level:
        following: list[tuple[int, int]] = []
        added: list[int] = []
        for number, around in level:
            group = tree.group(number)
            parts = _parts(tree, number, opened)
            framed = group.module is not None and (parts >= _FRAMED or (parts == 1 and len(group.sources) >= 4))
            if framed:
                chosen[number] = around
                added.append(number)
            following += [(item, number if framed else around) for item in tree.inner(number) if item in opened]
        levels.append(added)
        level = following
    _drop_tied(tree, plain, drawn, chosen, levels)
    order = [number for added in levels for number in added if number in chosen]
    index = {number: i for i, number in enumerate(order)}
    frames = tuple(
        Frame(*_frame_words(tree, number), index[parent] if (parent := chosen[number]) in index else -1, number)
        for number in order
    )
    find = _finder(tree, chosen)
    within = {}
    for each in dict.fromkeys(drawn):
        frame = find(tree.parent(each))
        if frame >= 0:
            within[each] = index[frame]
    return frames, within


def _parts(tree: Tree, number: int, opened: set[int]) -> int:
    """How many things a group is drawn with, besides its sources; those of open runs in it count."""
    return sum(
        len(tree.group(item).items)
        if item >= tree.first and item in opened and tree.group(item).kind != "module"
        else 1
        for item in tree.group(number).items
    )


def _finder(tree: Tree, chosen: dict[int, int]) -> Callable[[int], int]:
    """A function that gives the innermost chosen group at or around one."""
    known: dict[int, int] = {-1: -1}

    def find(number: int) -> int:
        path: list[int] = []
        while number not in known and number not in chosen:
            path.append(number)
            number = tree.parent(number)
        found = number if number in chosen else known[number]
        known.update(dict.fromkeys(path, found))
        return found

    return find


def _drop_tied(
    tree: Tree, plain: Plain, drawn: Sequence[int], chosen: dict[int, int], levels: Sequence[Sequence[int]]
) -> None:
    """Leave out frames that a way leaves and enters again: drawn, they would turn edges round."""
    shown = list(drawn)
    for added in reversed(levels):
        if not added:
            continue
        frames = set(added)
        place: dict[int, int] = {}
        for number in added:
            for node in tree.members(number):
                place[node] = number
        ends = [
            (place.get(source, shown[source]), place.get(target, shown[target])) for source, target, _ in plain.edges
        ]
        for number in _knots(ends) & frames:
            parent = chosen.pop(number)
            for inner, around in list(chosen.items()):
                if around == number:
                    chosen[inner] = parent


def _frame_words(tree: Tree, number: int) -> tuple[str, str, str]:
    module = tree.group(number).module
    assert module is not None
    call = f" (call {module.call})" if module.call > 1 else ""
    label = module.path if module.path == module.kind else f"{module.path}: {module.kind}"
    return module.path, label + call, f"{label}{call}, {module.numel:,} parameters" if module.numel else label + call
