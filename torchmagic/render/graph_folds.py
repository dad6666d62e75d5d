"""A collapsed group as one box: what it is called, what came out of it, how large its gradients were."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from torchmagic.graph_records import GraphModule, GraphNode
from torchmagic.render.graph_groups import Group, Tree
from torchmagic.render.graph_plain import Plain


@dataclass(frozen=True, slots=True)
class Fold:
    """A group in the place of what it holds.

    Attributes:
        id: unique among what is drawn.
        paths: path of the module, or the first and the last path of repeats; none for bare operations.
        what: its class, or its operations, with a count.
        facts: further lines: parameters, the shape that came out.
        grad: how the gradient at its output is told; of repeats at the first and the last, or "".
        title: all of it, for hovering.
        operations, tensors: how many it holds.
        order: the highest order of a node in it.
        cuts: how many cuts it holds.
    """

    id: str
    paths: tuple[str, ...]
    what: str
    facts: tuple[str, ...] = ()
    grad: str = ""
    title: str = ""
    operations: int = 0
    tensors: int = 0
    order: int = 0
    cuts: int = 0


def fold_of(plain: Plain, tree: Tree, number: int, ident: str, leaving: Sequence[int]) -> Fold:
    """The box of a group.

    Args:
        plain, tree: the graph and its groups.
        number: of the group.
        ident: its id in the drawing.
        leaving: nodes in it that edges lead out of.
    """
    group = tree.group(number)
    members = [plain.nodes[node] for node in tree.members(number)]
    operations = [node for node in members if node.kind == "operation"]
    paths, what, numel = _words(plain, tree, group)
    name = " … ".join(paths)
    repeated = group.kind == "run" and group.count > 1
    facts: list[str] = []
    if numel:
        facts.append(f"{numel:,} parameters" + (" each" if repeated else ""))
    elif group.kind != "module":
        own = sum(node.role in ("parameter", "leaf") for node in members)
        facts += [f"{own:,} leaves"] if own > 1 else ["1 leaf"] if own else []
    out = _out(plain, max(leaving) if leaving else _last(tree, number))
    if out is not None and out.shape is not None:
        dtype = "" if out.dtype in (None, "float32") else f" {out.dtype}"
        facts.append(f"→ {_shape(out.shape)}{dtype}")
    cuts = sum(node.kind == "cut" for node in members)
    if cuts:
        facts.append(f"{cuts:,} cut{'s' * (cuts != 1)} inside")
    grad = _run_gradient(plain, tree, group) if repeated else "" if out is None else _norm(out)
    grad = f"grad {grad}" if grad else ""
    order = max((node.order for node in members), default=0)
    holds = f"{len(operations):,} operation{'s' * (len(operations) != 1)}: {_kinds(operations)}" if operations else ""
    title = ", ".join(part for part in (name, what, *facts, grad, holds) if part)
    if order:
        title += f", order {order}"
    tensors = len(members) - len(operations)
    return Fold(ident, paths, what, tuple(facts), grad, title, len(operations), tensors, order, cuts)


def _words(plain: Plain, tree: Tree, group: Group) -> tuple[tuple[str, ...], str, int]:
    """Paths, what it is, and elements of the parameters of (each of) its modules."""
    if group.module is not None:
        call = f" (call {group.module.call})" if group.module.call > 1 else ""
        path = () if group.module.path == group.module.kind else (group.module.path + call,)
        return path, group.module.kind + ("" if path else call), group.module.numel
    if group.kind == "run":
        items = group.items[: group.period]
        names = [_label(plain, tree, item) for item in items]
        what = names[0] if len(names) == 1 else f"({', '.join(names)})"
        first = _module(tree, items[0]) or next(filter(None, (_module(tree, item) for item in items)), None)
        last = next(filter(None, (_module(tree, item) for item in reversed(group.items))), None)
        numel = sum(module.numel for item in items if (module := _module(tree, item)) is not None)
        paths = _span(first, last)
        times = f" × {group.count:,}"
        if first is not None and first.path == getattr(last, "path", "") and len(items) == 1:
            return paths, f"{what}{times} calls", first.numel
        return paths, what + times, numel
    modules = [module for item in group.items if (module := _module(tree, item)) is not None]
    if len(modules) * 2 > len(group.items):
        kinds = Counter(module.kind for module in modules)
        return _span(modules[0], modules[-1]), _counted(kinds), sum(module.numel for module in modules)
    operations = [plain.nodes[node] for item in group.items for node in tree.members(item)]
    count = sum(node.kind == "operation" for node in operations)
    most = _kinds([node for node in operations if node.kind == "operation"], 3)
    return (), f"{count:,} operations: {most}", 0


def _span(first: GraphModule | None, last: GraphModule | None) -> tuple[str, ...]:
    if first is None or last is None:
        return ()
    return (first.path,) if first.path == last.path else (first.path, last.path)


def _module(tree: Tree, item: int) -> GraphModule | None:
    return tree.group(item).module if item >= tree.first else None


def _label(plain: Plain, tree: Tree, item: int) -> str:
    module = _module(tree, item)
    if module is not None:
        return module.kind
    if item >= tree.first:
        return "…"
    node = plain.nodes[item]
    return node.label or "tensor" if node.kind != "tensor" else "tensor"


def _kinds(operations: Sequence[GraphNode], most: int = 8) -> str:
    return _counted(Counter(node.label for node in operations), most)


def _counted(kinds: Counter[str], most: int = 4) -> str:
    parts = [f"{kind} × {count:,}" if count > 1 else kind for kind, count in kinds.most_common(most)]
    return ", ".join(parts) + (", …" if len(kinds) > most else "")


def _last(tree: Tree, number: int) -> int:
    """The node that was computed last in a group."""
    while number >= tree.first:
        group = tree.group(number)
        number = (group.items or group.sources)[-1]
    return number


def _out(plain: Plain, number: int) -> GraphNode | None:
    """The tensor that came out of a node: itself, what is drawn with it, or the one next to it."""
    node = plain.nodes[number]
    if node.kind == "tensor":
        return node
    if number in plain.fused:
        return plain.fused[number]
    following = number + 1  # a named result stands right behind its operation
    if following < len(plain.nodes):
        after = plain.nodes[following]
        if after.kind == "tensor" and after.grad_fn is not None and after.grad_fn == node.grad_fn:
            return after
    return None


def _norm(node: GraphNode) -> str:
    if node.grad_norm is not None:
        return f"norm {node.grad_norm:.2g}"
    return node.grad_text or "" if node.grad_text and len(node.grad_text) <= 16 else ""


def _run_gradient(plain: Plain, tree: Tree, group: Group) -> str:
    """The gradient at the output of the first repeat and of the last."""
    ends = []
    for repeat in (0, group.count - 1):
        item = group.items[(repeat + 1) * group.period - 1]
        out = _out(plain, _last(tree, item))
        ends.append("" if out is None else _norm(out))
    if not all(ends):
        return ""
    first, last = ends
    if first.startswith("norm ") and last.startswith("norm "):
        last = last[5:]
    return f"{first} … {last}"


def _shape(shape: Sequence[int]) -> str:
    sizes = ["?" if size < 0 else str(size) for size in shape]
    return f"({sizes[0]},)" if len(sizes) == 1 else f"({', '.join(sizes)})"
