"""Find the name by which the user holds a tensor: a variable, a module's parameter, a container's entry."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from types import BuiltinFunctionType, FrameType, FunctionType, ModuleType
from typing import Any

import torch

_DEPTH = 4
_MOST = 5_000
_PLAIN = frozenset(
    {int, float, str, bool, type(None), complex, bytes, FunctionType, BuiltinFunctionType, ModuleType, type}
)
_HIDDEN = re.compile(r"_{1,3}|_i{1,3}|_i?\d+|_[dio]h|__.*|_exit_code|In|Out|exit|quit|get_ipython|open")
_HIDDEN_STARTS = frozenset("_IOeqgo")  # most names need no pattern: a namespace may hold thousands
_OF_MODULES = torch.nn.Module().__dict__.keys()
_NOTHING: dict[str, Any] = {}
_OPTIMIZED = 0x1  # inspect.CO_OPTIMIZED: a function's frame, whose f_locals is a snapshot


def user_variables(namespace: Mapping[str, object]) -> list[tuple[str, object]]:
    """The user's own variables, without those in which IPython keeps its history.

    >>> user_variables({"x": 1, "_": 2, "_i1": "x", "Out": {}, "_w": 3})
    [('x', 1), ('_w', 3)]
    """
    return [
        (name, value)
        for name, value in list(namespace.items())
        if type(name) is str and (name[:1] not in _HIDDEN_STARTS or not _HIDDEN.fullmatch(name))
    ]


def plain_tensors(namespace: Mapping[str, object]) -> list[tuple[str, torch.Tensor]]:
    """The variables that are tensors themselves, but for parameters: those have a better name in their module."""
    found = user_variables(namespace)
    return [(name, value) for name, value in found if _is_tensor(value) and not _is_parameter(value)]  # type: ignore[misc]


def named_tensors(namespace: Mapping[str, object], first: Iterable[str] = ()) -> list[tuple[str, torch.Tensor]]:
    """Every tensor that the namespace reaches, with the expression that reaches it.

    Plain variables come first (those in ``first`` before the others), then module parameters, container
    entries and attributes, nearest first. A variable that holds a parameter comes after its name in its module:
    it is often a loop's. Only stored state is read: no property, no iterator, is run.

    >>> w = torch.ones(1)
    >>> [name for name, _ in named_tensors({"params": {"w": w}, "x": torch.ones(2)})]
    ['x', "params['w']"]
    """
    chosen = set(first)
    variables = user_variables(namespace)
    variables.sort(key=lambda item: item[0] not in chosen)
    found: list[tuple[str, torch.Tensor]] = []
    level: list[tuple[str, object]] = variables
    seen: set[int] = set()
    parameters = [(name, value) for name, value in variables if _is_parameter(value)]
    for depth in range(_DEPTH):
        deeper: list[tuple[str, object]] = []
        for name, value in level:
            if depth == 0 and _is_parameter(value):
                continue
            if _is_tensor(value):
                found.append((name, value))  # type: ignore[arg-type]
            elif type(value) not in _PLAIN and id(value) not in seen and len(deeper) <= _MOST:
                seen.add(id(value))
                deeper.extend(entries(name, value))
            if depth and len(found) + len(deeper) > _MOST:
                break  # never among the variables themselves: each of them counts
        if depth == 1:
            found.extend(parameters)  # type: ignore[arg-type]
        level = deeper
    return found


def _is_tensor(value: object) -> bool:
    return issubclass(type(value), torch.Tensor)


def _is_parameter(value: object) -> bool:
    return issubclass(type(value), torch.nn.Parameter)


def entries(name: str, value: Any) -> Iterable[tuple[str, object]]:
    """What a container, a module or an object holds, each with the expression that reaches it.

    >>> list(entries("pair", (1, 2)))
    [('pair[0]', 1), ('pair[1]', 2)]
    """
    kind = type(value)
    if issubclass(kind, torch.nn.Module):
        return _module_tensors(name, value)
    if issubclass(kind, dict):
        return [(f"{name}[{_key_text(key)}]", item) for key, item in list(dict.items(value))[:_MOST]]
    if issubclass(kind, tuple) and hasattr(kind, "_fields"):
        return [(f"{name}.{field}", item) for field, item in zip(kind._fields, value, strict=False)]
    if issubclass(kind, (list, tuple)):
        base: Any = list if issubclass(kind, list) else tuple
        return [(f"{name}[{i}]", base.__getitem__(value, i)) for i in range(min(base.__len__(value), _MOST))]
    if issubclass(kind, (type, ModuleType)) or kind.__module__ in ("builtins", "torch"):
        return ()
    try:
        state = object.__getattribute__(value, "__dict__")
    except (AttributeError, TypeError):
        return ()
    if type(state) is not dict:
        return ()
    return [(f"{name}.{field}", item) for field, item in list(state.items()) if isinstance(field, str)]


def _module_tensors(name: str, module: torch.nn.Module) -> list[tuple[str, object]]:
    pairs: list[tuple[str, object]] = []
    stack = [(name, module)]
    seen: set[int] = set()
    while stack:
        prefix, current = stack.pop()
        if id(current) in seen:
            continue
        seen.add(id(current))
        state = current.__dict__
        for store in ("_parameters", "_buffers"):
            for key, item in state.get(store, _NOTHING).items():
                pairs.append((f"{prefix}.{key}", item))
        for key, child in state.get("_modules", _NOTHING).items():  # a script module keeps its own elsewhere
            if child is not None:
                stack.append((f"{prefix}.{key}", child))
        own = state.keys() - _OF_MODULES
        if own:
            pairs.extend((f"{prefix}.{key}", item) for key, item in state.items() if key in own and _is_tensor(item))
    return pairs


def _key_text(key: object) -> str:
    if type(key) in (str, int, bool, float):
        text = repr(key)
        return text if len(text) <= 30 else f"{text[:28]}…"
    return "…"


def frame_variables(frame: FrameType | None, skip: tuple[str, ...], most: int = 8) -> list[dict[str, object]]:
    """The variables of the user's frames from ``frame`` outwards, up to the cell's own (innermost first).

    Frames of files whose path starts with one of ``skip`` are passed over. The copies are the caller's to
    drop; a function's snapshot is emptied again, so that reading it keeps nothing alive.
    """
    found: list[dict[str, object]] = []
    while frame is not None and len(found) < most:
        if not frame.f_code.co_filename.startswith(skip):
            variables = frame.f_locals
            found.append(dict(variables))
            if variables is frame.f_globals:
                break
            if frame.f_code.co_flags & _OPTIMIZED and type(variables) is dict:
                variables.clear()  # before Python 3.13 the frame would keep this snapshot
        frame = frame.f_back
    return found


def nearest_variables(frame: FrameType | None, skip: tuple[str, ...], most: int = 6) -> Iterable[tuple[str, object]]:
    """The variables that the nearest user's frame mentions; none where it is over ``most`` frames away."""
    for _ in range(most):
        if frame is None:
            break
        code = frame.f_code
        if code.co_filename.startswith(skip):
            frame = frame.f_back
            continue
        if code.co_flags & _OPTIMIZED:
            variables = frame.f_locals
            found = list(variables.items())
            if type(variables) is dict:
                variables.clear()
            return found
        variables = frame.f_locals
        return [(name, variables[name]) for name in code.co_names if name in variables]
    return ()
