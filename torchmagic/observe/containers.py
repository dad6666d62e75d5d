"""From what the user names, or a cell touched, to an Inspection: tensors, and trees of those in containers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from torchmagic.errors import TorchmagicError
from torchmagic.observe.groups import DEPTH, MAX_ROWS, observe_group, observe_groups
from torchmagic.observe.tensors import is_observable, observe_many
from torchmagic.records import GroupRecord, Inspection, TensorRecord

_HINT = "Give a tensor, an array, a container of them, a module or an optimizer."


def observe_value(
    value: object, name: str, *, stats: bool = True, plot: bool = True, depth: int = DEPTH, max_rows: int = MAX_ROWS
) -> TensorRecord | GroupRecord:
    """The record of a tensor or array, or the tree of what a container, module or optimizer holds.

    Raises:
        TorchmagicError: there is no tensor in ``value``.
    """
    if is_observable(value):
        return observe_many([(name, value, "")], stats=stats, plot=plot)[0]
    group = observe_group(value, name, depth=depth, max_rows=max_rows, stats=stats, plot=plot)
    if group is None:
        raise TorchmagicError(f"{name} is of type {type(value).__name__} and holds no tensor.", hint=_HINT)
    return group


def observe_all(
    values: Mapping[str, object],
    *,
    stats: bool = True,
    plot: bool = True,
    depth: int = DEPTH,
    max_rows: int = MAX_ROWS,
    names: Mapping[int, str] | None = None,
) -> Inspection:
    """The records of values by the expressions that name them.

    Args:
        values: tensors, arrays, containers, modules and optimizers.
        stats, plot: whether to read elements, and to draw them.
        depth, max_rows: how much of each container to show, and of the tensors altogether.
        names: what the user calls a tensor, by its ``id``.

    Raises:
        TorchmagicError: there is none in them.

    >>> import torch
    >>> inspection = observe_all({"x": torch.ones(2), "m": torch.nn.Linear(1, 1)})
    >>> [record.name for record in inspection.tensors], [group.name for group in inspection.groups]
    (['x'], ['m'])
    """
    tensors = [(name, value, "") for name, value in values.items() if is_observable(value)]
    others = [(name, value) for name, value in values.items() if not is_observable(value)]
    trees = observe_groups(others, depth=depth, max_rows=max_rows, stats=stats, plot=plot, names=names)
    groups = tuple(tree for tree in trees if tree is not None)
    if not tensors and not groups:
        kinds = ", ".join(f"{name} is of type {type(value).__name__}" for name, value in values.items())
        raise TorchmagicError(f"No tensors there: {kinds}.", hint=_HINT)
    shown = tensors[: max(max_rows, 1)]
    records = observe_many(shown, stats=stats, plot=plot)
    return Inspection(tensors=records, groups=groups, more=len(tensors) - len(shown))


def observe_found(
    found: Iterable[tuple[str, object, str]],
    *,
    stats: bool = True,
    plot: bool = True,
    max_rows: int = MAX_ROWS,
    others: Iterable[tuple[str, object]] = (),
) -> Inspection:
    """The records of what a cell touched, given as (name, tensor, change), each tensor once unless a variable names it.

    Args:
        found: what was touched.
        stats, plot: whether to read elements, and to draw them.
        max_rows: how many to show.
        others: further names that may share storage with those in ``found``.
    """
    chosen: list[tuple[str, object, str]] = []
    seen: set[int] = set()
    for name, value, change in found:
        if id(value) not in seen or name.isidentifier():
            chosen.append((name, value, change))
        seen.add(id(value))
    shown = chosen[: max(max_rows, 1)]
    rest = [(name, value) for name, value, _ in chosen[len(shown) :]]
    records = observe_many(shown, stats=stats, plot=plot, others=[*rest, *others])
    return Inspection(tensors=records, more=len(chosen) - len(shown))
