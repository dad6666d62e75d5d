"""From what the user names to records: a tensor, or every tensor in a container, module or optimizer."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import torch

from torchmagic.errors import TorchmagicError
from torchmagic.observe.changes import reached
from torchmagic.observe.tensors import observe_tensor
from torchmagic.records import Inspection

MAX_ROWS = 50
"""Rows that are shown unless the user asks for more."""


def observe_all(values: Mapping[str, object], *, stats: bool = True, max_rows: int = MAX_ROWS) -> Inspection:
    """Records of every tensor in the given values, by the expressions that name them.

    Raises:
        TorchmagicError: there is none.

    >>> [record.name for record in observe_all({"m": torch.nn.Linear(1, 1)}).tensors]
    ['m.weight', 'm.bias']
    """
    found = reached({inner: item for name, value in values.items() for inner, item in _opened(name, value)})
    if not found:
        kinds = ", ".join(f"{name} is of type {type(value).__name__}" for name, value in values.items())
        raise TorchmagicError(f"No tensors there: {kinds}.", hint="Name a tensor, an array, a container or a module.")
    return observe_found([(name, value, "") for name, value in found], stats=stats, max_rows=max_rows)


def observe_found(
    found: Iterable[tuple[str, object, str]], *, stats: bool = True, max_rows: int = MAX_ROWS
) -> Inspection:
    """Records of tensors given as (name, tensor, change), each tensor once unless a variable names it."""
    chosen: list[tuple[str, object, str]] = []
    seen: set[int] = set()
    for name, value, change in found:
        if id(value) not in seen or name.isidentifier():
            chosen.append((name, value, change))
        seen.add(id(value))
    shown = chosen[: max(max_rows, 1)]
    records = tuple(observe_tensor(value, name, stats=stats, change=change) for name, value, change in shown)
    return Inspection(records, more=len(chosen) - len(shown))


def _opened(name: str, value: object) -> Iterable[tuple[str, object]]:
    """An optimizer as its parameters and what it keeps for each; anything else as it is."""
    if not isinstance(value, torch.optim.Optimizer):
        return [(name, value)]
    parameters = [parameter for group in value.param_groups for parameter in group["params"]]
    found: list[tuple[str, object]] = [(f"{name} parameter {i}", each) for i, each in enumerate(parameters)]
    for i, each in enumerate(parameters):
        state = value.state.get(each, {})
        found += [(f"{name} parameter {i}: {key}", item) for key, item in state.items()]
    return found
