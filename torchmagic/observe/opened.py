"""What is directly inside a container, module or optimizer, read without running any code of the user's."""

from __future__ import annotations

import dataclasses
import itertools
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MemberDescriptorType, ModuleType
from typing import Any

import torch

from torchmagic.observe.tensors import is_observable

MOST = 50_000
"""Entries of one container that are looked at."""

_LEAST_KINDS = (str, bytes, int, float, complex, bool, type(None), type, ModuleType)
_FACTS = 16
_LONGEST_FACT = 48
_MODULE_STATE = ("_parameters", "_buffers", "_modules")


@dataclass(slots=True)
class Opened:
    """The inside of one value.

    Attributes:
        kind: what it is, in a few words.
        entries: (ending of the name, item) for everything in it that may be or hold a tensor.
        facts: plain values in it that are worth showing.
        more: entries that were not even looked at.
        keep: whether it is worth showing although no tensor is in it.
        about: the ``id`` of the parameter that this is an optimizer's state for.
        numbered: whether its tensors are known by number only, as an optimizer's parameters are.
    """

    kind: str
    entries: list[tuple[str, Any]] = field(default_factory=list)
    facts: list[tuple[str, str]] = field(default_factory=list)
    more: int = 0
    keep: bool = False
    about: int = 0
    numbered: bool = False


def opened(value: Any) -> Opened | None:
    """The inside of a container, module, optimizer or plain object; None for what has none.

    >>> opened({"x": torch.ones(1), "epoch": 3}).facts
    [('epoch', '3')]
    >>> opened(3) is None
    True
    """
    kind = type(value)
    if kind in _LEAST_KINDS or is_observable(value):
        return None
    if issubclass(kind, torch.nn.Module):
        return _module(value)
    if issubclass(kind, torch.optim.Optimizer):
        return _optimizer(value)
    if issubclass(kind, dict):
        return _mapping(value, kind.__name__)
    if issubclass(kind, tuple) and type(fields := _all_vars(kind).get("_fields")) is tuple:
        return _named(kind.__name__, [(f".{name}", item) for name, item in zip(fields, tuple.__iter__(value))])  # noqa: B905
    for base in (list, tuple, deque, set, frozenset):
        if issubclass(kind, base):
            return _sequence(value, base, kind.__name__)
    return _object(value, kind)


def _mapping(value: Any, kind: str) -> Opened:
    found = Opened(kind)
    found.more = max(0, dict.__len__(value) - MOST)
    for key, item in itertools.islice(list(dict.items(value)), MOST):
        if is_plain(item):
            _add_fact(found, key if type(key) is str else _key_text(key), item)
        else:
            found.entries.append((f"[{_key_text(key)}]", item))
    return found


def _named(kind: str, entries: list[tuple[str, Any]]) -> Opened:
    found = Opened(kind)
    for name, item in entries:
        if is_plain(item):
            _add_fact(found, name.removeprefix("."), item)
        else:
            found.entries.append((name, item))
    return found


def _sequence(value: Any, base: Any, kind: str) -> Opened:
    length = base.__len__(value)
    items = itertools.islice(base.__iter__(value), MOST)
    entries = [(f"[{i}]", item) for i, item in enumerate(items) if not is_plain(item)]
    if base in (set, frozenset):
        entries = [(f" element {i}", item) for i, (_, item) in enumerate(entries)]
    return Opened(f"{kind} of {length:,}", entries, more=max(0, length - MOST))


def _object(value: Any, kind: type) -> Opened | None:
    if kind.__module__ == "builtins" or issubclass(kind, (type, ModuleType)):
        return None
    state = _state(value)
    if "__dataclass_fields__" in _all_vars(kind):
        stored = [(each.name, _stored(value, each.name, state)) for each in dataclasses.fields(kind)]  # type: ignore[arg-type]
        return _named(kind.__name__, [(f".{name}", item) for name, (there, item) in stored if there])
    pairs = [(name, item) for name, item in state.items() if type(name) is str]
    slots = [name for name, member in _all_vars(kind).items() if type(member) is MemberDescriptorType]
    pairs += [(name, item) for name in slots for there, item in [_stored(value, name, state)] if there]
    # the inside of what is private to an object is its own business, such as the blocks of a data frame
    entries = [(f".{name}", item) for name, item in pairs if name[:1] != "_" or is_observable(item)]
    return _named(kind.__name__, entries[:MOST]) if entries else None


def _state(value: Any) -> dict[Any, Any]:
    try:
        state = object.__getattribute__(value, "__dict__")
    except (AttributeError, TypeError):
        return {}
    return dict(state) if type(state) is dict else {}


def _all_vars(kind: type) -> dict[str, Any]:
    return {name: item for base in reversed(kind.__mro__) for name, item in vars(base).items()}


def _stored(value: Any, name: str, state: Mapping[str, Any]) -> tuple[bool, Any]:
    """A field as it is stored, in the instance's dictionary or a slot; never through a property."""
    if name in state:
        return True, state[name]
    member = _all_vars(type(value)).get(name)
    if type(member) is not MemberDescriptorType:
        return False, None
    try:
        return True, member.__get__(value)
    except AttributeError:
        return False, None


def _module(module: Any) -> Opened:
    state = _state(module)
    found = Opened(_module_kind(module), keep=True)
    for store in _MODULE_STATE:
        items: Any = state.get(store)
        if type(module).__module__.startswith("torch.jit"):
            items = dict(getattr(module, store).items())  # kept by the compiled module
        if issubclass(type(items), dict):
            found.entries += [(f".{key}", item) for key, item in list(dict.items(items))[:MOST] if item is not None]
    attributes = [(f".{key}", item) for key, item in state.items() if issubclass(type(item), torch.Tensor)]
    found.entries += attributes
    if "training" in state:
        found.facts.append(("mode", "training" if state["training"] else "evaluation"))
    return found


def _module_kind(module: Any) -> str:
    """The class with its own arguments, in the module's own words where those are torch's code."""
    kind = type(module)
    method = next((vars(base)["extra_repr"] for base in kind.__mro__ if "extra_repr" in vars(base)), None)
    extra = ""
    if (getattr(method, "__module__", "") or "").startswith("torch."):
        try:
            extra = " ".join(str(method(module)).split())  # type: ignore[misc]
        except Exception:  # a module half made, or one whose attributes were replaced
            extra = ""
    return f"{kind.__name__}({extra})"


def _optimizer(optimizer: Any) -> Opened:
    """An optimizer: its one parameter group's settings, or its groups; and what it keeps for each parameter."""
    state = _state(optimizer)
    found = Opened(type(optimizer).__name__, keep=True, numbered=True)
    groups = [group for group in state.get("param_groups", []) if issubclass(type(group), dict)]
    kept = state.get("state", {})
    if len(groups) == 1:
        found.facts = _settings(groups[0])
        found.entries = _group_entries(groups[0], kept, ".param_groups[0]")
    else:
        found.entries = [
            (
                f".param_groups[{i}]",
                Opened("parameter group", _group_entries(group, kept, ""), _settings(group), numbered=True),
            )
            for i, group in enumerate(groups)
        ]
    return found


def _settings(group: dict[str, Any]) -> list[tuple[str, str]]:
    chosen = [(key, item) for key, item in dict.items(group) if key not in ("params", "param_names")]
    return [(str(key), _setting_text(item)) for key, item in chosen if _is_setting(item)][:_FACTS]


def _is_setting(item: Any) -> bool:
    if item is None or item is False:
        return False  # what is switched off
    if issubclass(type(item), torch.Tensor):
        return bool(type(item) is torch.Tensor and item.numel() == 1 and item.device.type == "cpu")
    return is_plain(item) or (type(item) is tuple and all(map(is_plain, item)))


def _setting_text(item: Any) -> str:
    if issubclass(type(item), torch.Tensor):
        return f"{item.item():.6g}"
    return plain_text(item) if is_plain(item) else f"({', '.join(map(plain_text, item))})"


def _group_entries(group: dict[str, Any], kept: Any, prefix: str) -> list[tuple[str, Any]]:
    parameters = group.get("params", [])
    names = group.get("param_names") or [None] * len(parameters)
    entries: list[tuple[str, Any]] = []
    for i, (parameter, name) in enumerate(zip(parameters, names, strict=False)):
        place = f"{prefix}['params'][{i}]"
        entries.append((place, parameter))
        own = kept.get(parameter) if issubclass(type(kept), dict) else None
        if type(own) is dict and own:
            inside = _mapping(own, f"state of {name}" if type(name) is str else "state")
            inside.about = id(parameter)
            entries.append((f"{place} state", inside))
    return entries


def is_plain(item: object) -> bool:
    """Whether an item is shown as a plain value.

    >>> is_plain(3), is_plain("a"), is_plain([3])
    (True, True, False)
    """
    return type(item) in (str, int, float, bool, type(None), complex)


def plain_text(item: object) -> str:
    """A plain value in a few characters.

    >>> plain_text(0.001), plain_text("SGD"), plain_text(None)
    ('0.001', "'SGD'", 'None')
    """
    if type(item) is int and item.bit_length() > 128:
        return "a large number"
    text = repr(item[:60]) if type(item) is str else f"{item:.6g}" if type(item) is float else repr(item)
    return text if len(text) <= _LONGEST_FACT else f"{text[: _LONGEST_FACT - 1]}…"


def _add_fact(found: Opened, name: str, item: object) -> None:
    if len(found.facts) < _FACTS:
        found.facts.append((name if len(name) <= _LONGEST_FACT else f"{name[: _LONGEST_FACT - 1]}…", plain_text(item)))


def _key_text(key: object) -> str:
    if is_plain(key):
        return plain_text(key)
    if type(key) is tuple and len(key) <= 4 and all(map(is_plain, key)):
        return f"({', '.join(map(plain_text, key))})"
    return "…"
