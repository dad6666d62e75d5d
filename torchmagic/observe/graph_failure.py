"""Why a backward pass failed, read off the graph while it is still there and off what was recorded before."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import torch

from torchmagic.observe import names, values
from torchmagic.observe.cut_facts import Cut
from torchmagic.observe.graph_ops import hook_free, plain_name, read_kept, saved_inputs, saved_result
from torchmagic.observe.graph_walk import OpFact, Skeleton, Walk
from torchmagic.observe.graph_writes import Write, Writes
from torchmagic.observe.recorded import Earlier, SavedChanged, Spot

_MOST_STEPS = 4
_CHANGED = "modified by an inplace operation"


def saved_changed(
    graph: Walk, message: str, writes: Writes, variables: Sequence[Mapping[str, object]]
) -> SavedChanged | None:
    """Which operation had saved a tensor that was changed in place since, and who changed it.

    Args:
        graph: the graph whose backward pass failed, alive.
        message: what torch said.
        writes: the changes that were seen.
        variables: the user's, innermost first, for names.
    """
    found = re.search(r"is at version (\d+); expected version (\d+)", message)
    versions = None if found is None else (int(found[2]), int(found[1]))
    for number in range(len(graph.nodes) - 1, -1, -1):
        op = graph.skeleton.ops[number]
        if not op.grad_fn:
            continue
        attribute = _changed_attribute(graph.nodes[number], found[0] if found is not None else _CHANGED)
        if attribute is None:
            continue
        which = "its result" if attribute in ("result", "output", "outputs") else "its input"
        known = _writes_of(op, versions, writes, _shape(message))
        name = next((n for write in reversed(known) if (n := _name_of(write, variables))), "")
        if not name and which == "its result":
            name = next((fact.name for fact in op.outputs.values() if fact.name), "")
        spots = tuple(Spot(write.operation, write.line, shown(write.filename), name) for write in known)
        return SavedChanged(spot_of(op), which, name, tuple(dict.fromkeys(spots)))
    return None


def earlier_pass(skeleton: Skeleton, passes: Iterable[tuple[Skeleton, tuple[str, int]]]) -> Earlier | None:
    """The pass that freed a part of the graph before."""
    keys = {op.key: op for op in skeleton.ops if op.grad_fn}
    for other, site in reversed(list(passes)):
        if other is skeleton or not other.freed:
            continue
        shared = [op for op in other.ops if op.grad_fn and op.key in keys]
        if not shared:
            continue
        roots = [other.ops[number] for number, _ in other.roots]
        ours = {skeleton.ops[number].key for number, _ in skeleton.roots if skeleton.ops[number].grad_fn}
        name = next((fact.name for op in roots for fact in op.outputs.values() if fact.name), "")
        spot = Spot(f"{name}.backward()" if name else "a backward pass", site[1], shown(site[0]), name)
        whole = any(op.key in ours for op in roots)
        return Earlier(spot, whole, None if whole else _shared(skeleton, shared))
    return None


def _shared(skeleton: Skeleton, old: Sequence[OpFact]) -> Spot:
    """The last operation of an old graph that a new one contains, with the name of what the new one takes from it."""
    last = max(old, key=lambda op: op.key)
    before = {op.key: op for op in old}
    found = spot_of(last)
    numbers = [number for number, op in enumerate(skeleton.ops) if op.key == last.key and op.grad_fn]
    for _ in range(_MOST_STEPS):  # the variable may hold a view of it
        if found.name or not numbers:
            break
        ops = [skeleton.ops[number] for number in numbers]
        known = [fact.name for op in ops for each in (before.get(op.key), op) if each for fact in each.outputs.values()]
        name = next(filter(None, known), "")
        found = Spot(found.what, found.line, found.filename, name)
        users = [n for n, op in enumerate(skeleton.ops) if any(p and p[0] in numbers for p in op.inputs)]
        numbers = [n for n in users if all(n != root for root, _ in skeleton.roots)]
    return found


def stopped_at(skeleton: Skeleton, message: str) -> Spot | None:
    """The operation that anomaly mode speaks of: the last with that name that a gradient came to."""
    found = re.search(r"Function '?(\w+?)'? returned", message)
    if found is None:
        return None
    for op in skeleton.ops:  # backward runs from the last to the first
        if op.grad_fn == found[1] and any(fact.grad is not None for fact in op.outputs.values()):
            given = [skeleton.ops[place[0]].outputs.get(place[1]) for place in op.inputs if place is not None]
            name = next((fact.name for fact in given if fact is not None and fact.name), "")
            spot = spot_of(op)
            return Spot(spot.what, spot.line, spot.filename, name)
    return None


def spot_of(op: OpFact) -> Spot:
    """The operation, by its plain name and line, with the name of its result."""
    filename, line = place_of(op)
    name = next((fact.name for fact in op.outputs.values() if fact.name), "")
    label = plain_name(op.grad_fn)
    return Spot("Linear" if label == "Addmm" else label, line, shown(filename), name)


def place_of(op: OpFact) -> tuple[str, int]:
    """File and line of the user's call that made the operation; 0 where that was not seen."""
    call: Any = getattr(op, "call", None)
    return ("", 0) if call is None else (call.place[0], call.place[1] or 0)


def lines(calls: Mapping[int, Any]) -> list[tuple[int, tuple[str, int]]]:
    """Where each operation was called, by sequence number."""
    found = [(key, getattr(call, "place", None)) for key, call in calls.items()]
    return [(key, (place[0], place[1])) for key, place in found if place is not None and place[1]]


def first_not_finite(graph: Walk) -> int:
    """The number of the first operation whose result holds NaN or infinity though what it was given does not; or -1.

    Only what autograd still keeps can be looked at, on the CPU.
    """
    bad: set[tuple[int, int]] = set()
    first = -1
    for number, op in enumerate(graph.skeleton.ops):
        node = graph.nodes[number]
        if not op.grad_fn:
            leaf = op.outputs[0].alive()
            if leaf is not None and not _finite(leaf):
                bad.add((number, 0))
            continue
        for fact in op.data:
            data = fact.alive()
            if data is not None and not _finite(data):
                return -1  # it came in so
        for tensor in saved_inputs(node):
            place = graph.place(tensor) if tensor.requires_grad else None
            if place is not None and not _finite(tensor):
                bad.add(place)
        if _outside(op, node):
            bad.update((number, output) for output in (op.outputs or (0,)))
        result = saved_result(node)
        known = [fact.value for fact in op.outputs.values() if fact.value is not None]
        if (result is not None and not _finite(result)) or any(
            not isinstance(each.data, torch.Tensor) and not math.isfinite(each.norm()) for each in known
        ):
            bad.update((number, output) for output in (op.outputs or (0,)))
    places = sorted(place for place in bad if graph.skeleton.ops[place[0]].grad_fn)
    if places and not any(place in bad for place in graph.skeleton.ops[places[0][0]].inputs):
        first = places[0][0]
    return first


def _outside(op: OpFact, node: Any) -> bool:
    """Whether an operation was given what makes its result NaN or infinite."""
    if op.grad_fn[:3] == "Log" and op.grad_fn in ("LogBackward0", "Log2Backward0", "Log10Backward0"):
        limit, attribute = 0.0, "self"
    elif op.grad_fn == "Log1PBackward0":
        limit, attribute = -1.0, "self"
    elif op.grad_fn == "DivBackward0":
        limit, attribute = 0.0, "other"
    else:
        return False
    raw = getattr(node, f"_raw_saved_{attribute}", None)
    if raw is None or not hook_free(raw):
        return False
    try:
        given = read_kept(node, f"_saved_{attribute}")
    except RuntimeError:
        return False
    if not isinstance(given, torch.Tensor) or given.device.type != "cpu" or not values.readable(given):
        return False
    with torch.no_grad():
        plain = given.detach()
        if plain.dtype.is_complex:
            return False
        return bool((plain == 0).any() if attribute == "other" else (plain <= limit).any())


def _finite(tensor: torch.Tensor) -> bool:
    if tensor.device.type != "cpu" or not values.readable(tensor) or not tensor.dtype.is_floating_point:
        return True
    with torch.no_grad():
        return bool(torch.isfinite(tensor.detach()).all())


def cut_spot(cut: Cut) -> Spot:
    """A cut, with the name of what was cut off."""
    computed = [source.fact.name for source in reversed(cut.sources) if source.key >= 0 and source.fact.name]
    leaves = list(dict.fromkeys(source.fact.name for source in cut.sources if source.key < 0 and source.fact.name))
    name = computed[0] if computed else leaves[0] if len(leaves) == 1 else ""
    return Spot(cut.what, cut.line, shown(cut.filename), name)


def shown(filename: str) -> str:
    """A file's name; "" for a cell's own code."""
    return "" if filename.startswith("<") or "ipykernel_" in filename else filename


def _changed_attribute(node: Any, text: str) -> str | None:
    """Which of the tensors that a node saved is not any more as it was."""
    kind = type(node)
    attributes = ["saved_tensors"] if hasattr(kind, "_forward_cls") else []
    attributes += [name for name in dir(kind) if name.startswith("_saved_")]
    for attribute in attributes:
        raw = attribute.replace("_saved_", "_raw_saved_") if attribute != "saved_tensors" else "_raw_saved_tensors"
        try:
            kept = getattr(node, raw, None)
            if kept is None or not all(map(hook_free, kept if isinstance(kept, (tuple, list)) else (kept,))):
                continue
            read_kept(node, attribute)
        except RuntimeError as error:
            if _CHANGED in str(error) and text in str(error):
                return attribute.removeprefix("_saved_")
        except Exception:
            continue
    return None


def _shape(message: str) -> tuple[int, ...] | None:
    found = re.search(r"Tensor \[([\d, ]*)\]", message)
    return None if found is None else tuple(int(each) for each in found[1].split(",") if each.strip())


def _writes_of(
    op: OpFact, versions: tuple[int, int] | None, writes: Writes, shape: tuple[int, ...] | None
) -> list[Write]:
    """The changes after the operation ran that make up the difference of versions."""
    later = [write for write in writes.all() if write.at > op.key]
    if versions is not None:
        later = [write for write in later if versions[0] < write.version <= versions[1]]
    by_memory: dict[int, list[Write]] = {}
    for write in later:
        by_memory.setdefault(write.memory, []).append(write)
    groups = sorted(by_memory.values(), key=lambda group: (not _fits(group, versions, shape), -group[-1].at))
    return groups[0] if groups else []


def _fits(group: Sequence[Write], versions: tuple[int, int] | None, shape: tuple[int, ...] | None) -> bool:
    """Whether the changes lead to the version that torch found, of a tensor of that shape."""
    reaches = versions is None or group[-1].version == versions[1]
    return reaches and (shape is None or any(write.shape == shape for write in group))


def _name_of(write: Write, variables: Sequence[Mapping[str, object]]) -> str:
    if write.name:
        return write.name
    tensor = write.ref()
    if tensor is None:
        return ""
    for scope in variables:
        for name, value in names.named_tensors(scope):
            if value is tensor or (tensor._base is not None and value is tensor._base):
                return name
    return ""
