"""Collapse a graph by module: which groups are open, and the boxes and edges that are left to draw.

Pure functions on records. What is drawn never has a cycle that the graph does not have: a group that a way leaves
and enters again is opened.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase

from torchmagic.graph_records import GraphEdge, GraphNode, GraphRecord
from torchmagic.render.graph_folds import Fold, fold_of
from torchmagic.render.graph_groups import Group, Tree, build_tree
from torchmagic.render.graph_look import Look
from torchmagic.render.graph_plain import Plain, knotted

_FRAMED = 2
_SHORT_RUN = 8


@dataclass(frozen=True, slots=True)
class Frame:
    """An open module: its path, ``label`` and ``title``, the frame around it (its number, -1 for none)."""

    path: str
    label: str
    title: str
    parent: int = -1


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
    opened = _asked(tree, look.expand)
    if look.depth is None:
        _open_to_limit(tree, opened, limit)
    else:
        _open_to_depth(tree, opened, look.depth)
    drawn = _untied(tree, plain, opened)
    return _result(record, plain, tree, opened, drawn)


def _asked(tree: Tree, patterns: Sequence[str]) -> set[int]:
    """The whole graph's group, and those that the patterns name, with all around them."""
    opened = {tree.first}
    for pattern in patterns:
        exact = [number for number in _modules(tree) if _matches(tree.group(number), pattern)]
        below = [] if exact else [number for number in _modules(tree) if _lies_below(tree.group(number), pattern)]
        for number in exact:
            _open_around(tree, opened, number)
            opened.add(number)
        chosen = set(below)
        for number in below:
            if not chosen & set(_around(tree, number)):
                _open_around(tree, opened, number)
    return opened


def _modules(tree: Tree) -> list[int]:
    return [tree.first + i for i, group in enumerate(tree.groups) if group.module is not None and group.items]


def _matches(group: Group, pattern: str) -> bool:
    assert group.module is not None
    path = group.module.path
    return (
        fnmatchcase(path, pattern)
        or fnmatchcase(path, f"*.{pattern}")
        or path == pattern
        or path.endswith(f".{pattern}")
        or group.module.kind == pattern
    )


def _lies_below(group: Group, pattern: str) -> bool:
    assert group.module is not None
    path = group.module.path
    return path.startswith(f"{pattern}.") or f".{pattern}." in path


def _around(tree: Tree, number: int) -> list[int]:
    found: list[int] = []
    number = tree.parent(number)
    while number >= 0:
        found.append(number)
        number = tree.parent(number)
    return found


def _open_around(tree: Tree, opened: set[int], number: int) -> None:
    """Open all around a group; of a run only the repeat that the group is in, the others stay folded."""
    inner = number
    for around in _around(tree, number):
        if tree.group(around).kind == "run" and around not in opened:
            _split(tree, around, inner)
        opened.add(around)
        inner = around


def _split(tree: Tree, run: int, item: int) -> None:
    """Make of a run a run before, the repeat of ``item`` and a run behind."""
    group = tree.group(run)
    if item not in group.items:
        return
    at = group.items.index(item) // group.period
    parts: list[int] = []
    for start, end in ((0, at), (at + 1, group.count)):
        items = group.items[start * group.period : end * group.period]
        if end - start > 1 and not group.sources:
            number = tree.first + len(tree.groups)
            size = sum(1 if each < tree.first else tree.group(each).size for each in items)
            tree.groups.append(Group("run", None, run, items, [], group.period, end - start, number, size))
            for each in items:
                if each < tree.first:
                    tree.above[each] = number
                else:
                    tree.group(each).parent = number
            items = [number]
        parts += items
        if end == at:
            parts += group.items[at * group.period : (at + 1) * group.period]
    group.items = parts
    group.kind = "piece"


def _open_to_depth(tree: Tree, opened: set[int], depth: int) -> None:
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


def _open_to_limit(tree: Tree, opened: set[int], limit: int) -> None:
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
                kind = group.likeness if group.module is None else group.module.kind
                kinds.setdefault((group.kind, kind), []).append(number)
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


def _cost(tree: Tree, number: int) -> int:
    """How many nodes more are drawn when a group is opened."""
    return len(tree.group(number).items) + len(tree.group(number).sources) - 1


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
    for number, each in enumerate(drawn):
        if each in ids:
            continue
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
            framed = (
                group.module is not None
                and len(group.items) >= _FRAMED
                or (group.module is not None and len(group.items) == 1 and len(group.sources) >= 4)
            )
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
        Frame(*_frame_words(tree, number), index[parent] if (parent := chosen[number]) in index else -1)
        for number in order
    )
    find = _finder(tree, chosen)
    within = {}
    for each in dict.fromkeys(drawn):
        frame = find(tree.parent(each))
        if frame >= 0:
            within[each] = index[frame]
    return frames, within


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
