"""The layer inside which an operation failed, named as the user would write it: ``model.layers[2]``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from types import FrameType
from typing import Any

from torch import nn

from torchmagic.observe.errors.evaluate import World
from torchmagic.observe.errors.site import Site, is_library
from torchmagic.observe.errors.standins import is_torch_module

_MOST_VISITED = 20_000


@dataclass(frozen=True, eq=False)
class Layer:
    """A module of torch's whose forward raised.

    Attributes:
        module: the module.
        path: the expression that reaches it.
        text: the path with the module as it prints itself.
        inputs: the parameters of its forward by name, with the values that it was given.
    """

    module: nn.Module
    path: str
    text: str
    inputs: tuple[tuple[str, Any], ...]


def find_layer(site: Site, world: World) -> Layer | None:
    """The innermost module of torch's that was running when the operation failed."""
    frames = [*site.outer, site.frame, *site.inner]
    inner = [frame for frame in site.inner if _module_of(frame) is not None]
    if not inner:
        return None
    frame = inner[-1]
    module = _module_of(frame)
    if module is None or not is_torch_module(module):
        return None
    path = _path(frames, module, world)
    own = _own_text(module)
    return Layer(module, path, f"{path}: {own}" if path else own, _inputs(frame))


def _module_of(frame: FrameType) -> nn.Module | None:
    """The module whose method a frame runs."""
    code = frame.f_code
    if not code.co_argcount or code.co_varnames[0] != "self" or code.co_name == "__init__":
        return None
    found = frame.f_locals.get("self")
    return found if issubclass(type(found), nn.Module) else None


def _inputs(frame: FrameType) -> tuple[tuple[str, Any], ...]:
    code = frame.f_code
    variables = frame.f_locals
    names = code.co_varnames[1 : code.co_argcount]
    return tuple((name, variables[name]) for name in names if variables.get(name) is not None)


def _own_text(module: nn.Module) -> str:
    """A layer as it prints itself, or its class where it holds others."""
    if module._modules:
        return type(module).__name__
    text = repr(module)
    return text if len(text) <= 90 else f"{text[:89]}…"


def _path(frames: Sequence[FrameType], module: nn.Module, world: World) -> str:
    chain: list[nn.Module] = []
    for frame in frames:
        found = _module_of(frame)
        if found is not None and not any(found is each for each in chain):
            chain.append(found)
    named = ((i, _name_of(each, frames, world)) for i, each in enumerate(chain))
    start, path = next(((i, name) for i, name in named if name), (0, ""))
    if not path:
        return ""
    current = chain[start]
    for following in chain[start + 1 :]:
        if following is current:
            continue
        below = _below(current, following)
        if below is None:
            return _name_of(module, frames, world)
        path, current = path + below, following
        if following is module:
            break
    return path


def _name_of(module: nn.Module, frames: Sequence[FrameType], world: World) -> str:
    """The variable, or the entry of a container in a variable, that holds the module: the user's outermost first."""
    namespaces = [frame.f_locals for frame in frames if not is_library(frame)] + [world.names]
    for names in namespaces:
        for name, value in list(names.items()):
            if value is module and name != "self" and not name.startswith("_"):
                return name
    for names in namespaces:
        for name, value in list(names.items()):
            if name.startswith("_") or name in ("Out", "In"):
                continue
            found = _entry(value, module)
            if found and name != "self":
                return name + found
    return ""


def _entry(value: Any, module: nn.Module) -> str:
    kind = type(value)
    if kind in (list, tuple):
        return next((f"[{i}]" for i, item in enumerate(value[:1000]) if item is module), "")
    if kind is dict:
        return next((f"[{key!r}]" for key, item in value.items() if item is module and type(key) in (str, int)), "")
    if issubclass(type(value), nn.Module):
        return _below(value, module) or ""
    state = getattr(value, "__dict__", None) if kind.__module__ == "__main__" else None
    if type(state) is dict:
        return next((f".{key}" for key, item in state.items() if item is module), "")
    return ""


def _below(root: nn.Module, module: nn.Module) -> str | None:
    """The path from a module to one below it."""
    level: list[tuple[str, nn.Module]] = [("", root)]
    seen: set[int] = set()
    while level and len(seen) < _MOST_VISITED:
        deeper = []
        for path, each in level:
            if each is module:
                return path
            if id(each) in seen:
                continue
            seen.add(id(each))
            children = each.__dict__.get("_modules", {})
            deeper += [(path + _step(each, key), child) for key, child in children.items() if child is not None]
        level = deeper
    return None


def _step(parent: nn.Module, key: str) -> str:
    if key.isdigit():
        return f"[{key}]"
    return f"[{key!r}]" if isinstance(parent, nn.ModuleDict) or not key.isidentifier() else f".{key}"
