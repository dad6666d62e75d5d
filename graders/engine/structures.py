"""Modules and optimizers of torch's own kinds as data: what they are made of, and what was changed in them since."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable, Mapping
from typing import Any

import torch

from graders.engine.values import Json
from graders.engine.wire import WireError

#: What every module has; all else in its ``__dict__`` is what makes it the one that it is.
_OF_EVERY_MODULE = frozenset(torch.nn.Module().__dict__)
_MADE_AGAIN = ("_flat_weights", "_flat_weight_refs")
_HOOKS = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")


def module_is_plain(module: torch.nn.Module) -> bool:
    """Whether a module and all in it are of torch's own classes, without hooks: then its parts say all of it.

    >>> module_is_plain(torch.nn.Sequential(torch.nn.Linear(1, 2), torch.nn.ReLU()))
    True
    """
    return all(
        type(part).__module__.startswith("torch.nn.modules.")
        and not any(getattr(part, hooks, None) for hooks in _HOOKS)
        and "forward" not in part.__dict__
        for part in module.modules()
    )


def describe_module(
    module: torch.nn.Module, number: int, pack: Callable[[object], Json], number_of: Callable[[torch.nn.Module], int]
) -> dict[str, Json]:
    """The JSON for a plain module; ``pack`` is for its attributes and tensors, ``number_of`` for those within it."""
    attributes = {
        name: pack(value)
        for name, value in module.__dict__.items()
        if name not in _OF_EVERY_MODULE and name not in _MADE_AGAIN
    }
    tensors = [["p", name, pack(value)] for name, value in module._parameters.items()]
    tensors += [["b", name, pack(value)] for name, value in module._buffers.items()]
    inside = [
        [name, None if part is None else describe_module(part, number_of(part), pack, number_of)]
        for name, part in module._modules.items()
    ]
    return {
        "t": "ref",
        "k": number,
        "module_class": f"{type(module).__module__}.{type(module).__qualname__}",
        "attributes": attributes,
        "tensors": tensors,
        "modules": inside,
        "training": module.training,
        "transient": sorted(module._non_persistent_buffers_set),
    }


def build_module(node: Mapping[str, Json], unpack: Callable[[Json], Any], known: dict[int, Any]) -> torch.nn.Module:
    """The module that JSON stands for; ``known`` are those that were built before, by number."""
    module = known.get(node["k"])
    if module is None:
        kind = _class(node["module_class"], torch.nn.Module)
        module = known[node["k"]] = kind.__new__(kind)
        torch.nn.Module.__init__(module)
        module.__dict__.update({name: unpack(value) for name, value in node["attributes"].items()})
        for kind_of, name, value in node["tensors"]:
            (module._parameters if kind_of == "p" else module._buffers)[name] = unpack(value)
        module._non_persistent_buffers_set = set(node["transient"])
        for name, part in node["modules"]:
            module._modules[name] = None if part is None else build_module(part, unpack, known)
        if hasattr(module, "_init_flat_weights"):
            module._init_flat_weights()
    else:
        for _, _, value in node["tensors"]:
            unpack(value)  # brings the tensors up to date
        for _, part in node["modules"]:
            if part is not None:
                build_module(part, unpack, known)
    module.training = node["training"]
    return module  # type: ignore[no-any-return]


class Optimizers:
    """The optimizers that both sides have, each side its own: their state and settings go from one to the other."""

    def __init__(self) -> None:
        self.by_number: dict[int, torch.optim.Optimizer] = {}
        self._known: dict[int, Any] = {}

    def describe(
        self, optimizer: torch.optim.Optimizer, number: int, pack: Callable[[object], Json]
    ) -> dict[str, Json]:
        """The JSON for an optimizer."""
        self.by_number[number] = optimizer
        node = {
            "t": "ref",
            "k": number,
            "optimizer_class": f"{type(optimizer).__module__}.{type(optimizer).__qualname__}",
            "defaults": pack(dict(optimizer.defaults)),
            "groups": [[pack(list(group["params"])), pack(_settings(group))] for group in optimizer.param_groups],
            "state": [[pack(param), pack(dict(state))] for param, state in optimizer.state.items()],
        }
        self._known[number] = _condition(optimizer)
        return node

    def build(self, node: Mapping[str, Json], unpack: Callable[[Json], Any]) -> torch.optim.Optimizer:
        """The optimizer that JSON stands for."""
        number = node["k"]
        optimizer = self.by_number.get(number)
        groups = [{**unpack(settings), "params": unpack(params)} for params, settings in node["groups"]]
        if optimizer is None:
            kind = _class(node["optimizer_class"], torch.optim.Optimizer)
            takes = inspect.signature(kind).parameters
            defaults = {name: value for name, value in unpack(node["defaults"]).items() if name in takes}
            optimizer = self.by_number[number] = kind(groups, **defaults)
        for mine, theirs in zip(optimizer.param_groups, groups, strict=False):
            mine.update(theirs)
        optimizer.state.clear()
        for param, state in node["state"]:
            optimizer.state[unpack(param)] = unpack(state)
        self._known[number] = _condition(optimizer)
        return optimizer

    def changes(self, plain: Callable[[torch.Tensor], Json], tensors: Any) -> list[Json]:
        """What changed in the optimizers here since the other side was last told."""
        found = []
        for number, optimizer in self.by_number.items():
            condition = _condition(optimizer)
            if condition != self._known.get(number):
                self._known[number] = condition
                found.append(
                    [
                        number,
                        [_numbers(_settings(group)) for group in optimizer.param_groups],
                        _state(optimizer, plain, tensors),
                    ]
                )
        return found

    def apply(self, changes: list[Any], unpacker: Any, tensors: Any) -> None:
        """Do here what was done to the optimizers over there; WireError where that does not fit."""
        try:
            for number, groups, states in changes:
                optimizer = self.by_number[number]
                for mine, theirs in zip(optimizer.param_groups, groups, strict=True):
                    mine.update({name: value for name, value in theirs.items() if name in mine and name != "params"})
                for owner, param_number, entries in states:
                    param = tensors.get((owner, param_number))
                    if param is not None:
                        optimizer.state[param] = {
                            str(name): unpacker.decoder.elements(value) if isinstance(value, dict) else value
                            for name, value in entries.items()
                        }
                self._known[number] = _condition(optimizer)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise WireError(f"the state of an optimizer does not fit it ({error})") from None


def _settings(group: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in group.items() if name != "params"}


def _numbers(settings: Mapping[str, Any]) -> dict[str, Json]:
    """The settings that are plain numbers, or pairs of them."""
    return {name: value for name, value in settings.items() if isinstance(value, bool | int | float)}


def _condition(optimizer: torch.optim.Optimizer) -> Any:
    """Something that is equal as long as nothing in an optimizer has changed."""
    settings = [_numbers(_settings(group)) for group in optimizer.param_groups]
    state = [
        (id(param), name, (id(value), value._version) if isinstance(value, torch.Tensor) else value)
        for param, entries in optimizer.state.items()
        for name, value in entries.items()
    ]
    return settings, state


def _state(optimizer: torch.optim.Optimizer, plain: Callable[[torch.Tensor], Json], tensors: Any) -> list[Json]:
    found = []
    for param, entries in optimizer.state.items():
        name = tensors.name_of(param)
        if name is not None:
            values = {
                key: plain(value) if isinstance(value, torch.Tensor) else value
                for key, value in entries.items()
                if value is None or isinstance(value, torch.Tensor | int | float)
            }
            found.append([name[0], name[1], values])
    return found


def _class(path: object, base: type) -> Any:
    module, _, name = str(path).rpartition(".")
    found = getattr(importlib.import_module(module), name, None) if module.startswith("torch.") else None
    if not (isinstance(found, type) and issubclass(found, base)):
        raise WireError(f"there is no class {path}")
    return found
