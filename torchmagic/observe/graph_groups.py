"""The modules of a graph: how the user reaches them, how large they are, and their calls as groups of operations."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import torch
from torch.nn.parameter import is_lazy

from torchmagic.graph_records import GraphModule
from torchmagic.observe import names
from torchmagic.observe.graph_modules import ModuleCall, SeenModule
from torchmagic.observe.graph_walk import Skeleton, Walk

_MOST = 20_000
_DEPTH = 4
_NOTHING: dict[str, Any] = {}


def name_modules(skeleton: Skeleton, scopes: Sequence[Mapping[str, object]]) -> None:
    """Find the paths and sizes of the modules in whose calls the graph was made; what is known stays."""
    lacking: dict[int, SeenModule] = {}
    for call in calls_of(skeleton):
        if call.module.numel is None:
            _count(call.module)
        if not call.module.path:
            lacking[id(call.module)] = call.module
    if not lacking:
        return
    wanted = {id(seen.ref()): seen for seen in lacking.values() if seen.ref() is not None}
    for scope in scopes:
        for path, module in _reached(scope):
            seen = wanted.get(id(module))
            if seen is not None and not seen.path:
                seen.path = path


def name_parameters(graph: Walk) -> None:
    """Name the parameters of the modules in whose calls the graph was made, where they have no name yet."""
    ops = graph.skeleton.ops
    known: set[int] = set()
    for call in calls_of(graph.skeleton):
        seen = call.module
        module = None if id(seen) in known or not seen.path else seen.ref()
        known.add(id(seen))
        if module is None:
            continue
        for key, parameter in module.__dict__.get("_parameters", _NOTHING).items():
            number = None if parameter is None else graph.numbers.get(id(parameter))
            if number is not None and not ops[number].outputs[0].name:
                ops[number].outputs[0].name = f"{seen.path}.{key}"


def calls_of(skeleton: Skeleton) -> list[ModuleCall]:
    """The calls of modules that the graph's operations were made in, outer before inner, in order of time."""
    found: dict[int, ModuleCall] = {}
    last = None
    for op in skeleton.ops:
        if op.call is None or op.call.place[2] is last:
            continue
        last = op.call.place[2]
        call: ModuleCall | None = last
        outer: list[ModuleCall] = []
        while call is not None and id(call) not in found:
            outer.append(call)
            call = call.parent
        for each in reversed(outer):
            found[id(each)] = each
    return list(found.values())


def group_records(skeleton: Skeleton, taken: int) -> tuple[list[GraphModule], dict[int, str]]:
    """The groups of one graph, and the id of each by ``id`` of its call; ``taken`` ids are in use."""
    records: list[GraphModule] = []
    ids: dict[int, str] = {}
    counts: dict[int, int] = {}
    for call in calls_of(skeleton):
        seen = call.module
        if seen.kind == "GraphModule" and not seen.path:  # a compiler's own
            ids[id(call)] = "" if call.parent is None else ids[id(call.parent)]
            continue
        count = counts[id(seen)] = counts.get(id(seen), 0) + 1
        ident = ids[id(call)] = f"m{taken + len(records) + 1}"
        parent = "" if call.parent is None else ids[id(call.parent)]
        records.append(
            GraphModule(ident, seen.path or seen.kind, seen.kind, parent, count, seen.numel or 0, seen.trainable)
        )
    return records, ids


def _reached(scope: Mapping[str, object]) -> Iterable[tuple[str, torch.nn.Module]]:
    """The modules that variables reach, nearest first, by stored state alone."""
    level: list[tuple[str, Any]] = list(names.user_variables(scope))
    seen: set[int] = set()
    for _ in range(_DEPTH):
        deeper: list[tuple[str, Any]] = []
        for name, value in level:
            if issubclass(type(value), torch.nn.Module):
                yield from _inside(name, value, seen)
            elif id(value) not in seen and len(deeper) < _MOST:
                seen.add(id(value))
                deeper.extend(names.entries(name, value))
        level = deeper


def _inside(path: str, module: torch.nn.Module, seen: set[int]) -> Iterable[tuple[str, torch.nn.Module]]:
    stack = [(path, module)]
    while stack and len(seen) < _MOST:
        path, module = stack.pop()
        if id(module) in seen:
            continue
        seen.add(id(module))
        yield path, module
        children = module.__dict__.get("_modules")  # a script module keeps its own elsewhere
        if children:
            stack += [(f"{path}.{key}", each) for key, each in reversed(children.items()) if each is not None]


def _count(seen: SeenModule) -> None:
    module = seen.ref()
    if module is None:
        return
    numel = trainable = 0
    known: set[int] = set()
    inside = _inside("", module, set()) if module.__dict__.get("_modules") else (("", module),)
    for _, each in inside:
        for parameter in each.__dict__.get("_parameters", _NOTHING).values():
            if parameter is None or id(parameter) in known or is_lazy(parameter):
                continue
            known.add(id(parameter))
            size = parameter.numel()
            numel += size
            trainable += size if parameter.requires_grad else 0
    seen.numel, seen.trainable = numel, trainable
