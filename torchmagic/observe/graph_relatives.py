"""Which parameters belong with the leaves of a graph, so that their absence is worth telling."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Mapping, Sequence

import torch

from torchmagic.observe.names import named_tensors, user_variables

_PLAIN = (torch.Tensor, torch.nn.Parameter)


def relatives(
    variables: Mapping[str, object], held: Iterable[torch.Tensor], touched: Iterable[str] = ()
) -> list[tuple[str, torch.Tensor]]:
    """Parameters that belong with the leaves of a graph: of the same modules and optimizers; and leaves of the cell.

    Args:
        variables: the user's names.
        held: the leaves of the graph.
        touched: names that the cell assigned: their tensors that require gradients count, too.

    >>> net = torch.nn.Linear(1, 1)
    >>> [name for name, _ in relatives({"net": net}, [net.weight])]
    ['net.weight', 'net.bias']
    """
    ids = {id(tensor) for tensor in held}
    chosen = set(touched)
    found: dict[int, tuple[str, torch.Tensor]] = {}
    for name, value in _opened(user_variables(variables)):
        if issubclass(type(value), torch.nn.Module):
            owned = [(text, each) for text, each in named_tensors({name: value}) if type(each) is torch.nn.Parameter]
        elif issubclass(type(value), torch.optim.Optimizer):
            groups = value.__dict__.get("param_groups", ())
            owned = [
                (f"{name}.param_groups[{i}]['params'][{j}]", each)
                for i, group in enumerate(groups)
                for j, each in enumerate(group.get("params", ()))
            ]
        elif type(value) in _PLAIN and isinstance(value, torch.Tensor):
            if name in chosen and value.requires_grad and value.is_leaf:
                found.setdefault(id(value), (name, value))
            continue
        else:
            continue
        if any(id(each) in ids for _, each in owned):
            for text, each in owned:
                found.setdefault(id(each), (text, each))
    return list(found.values())


def _opened(variables: Sequence[tuple[str, object]]) -> Iterable[tuple[str, object]]:
    """The variables, modules first, and what stands one step inside an object of the user's."""
    inner: list[tuple[str, object]] = []
    for name, value in variables:
        kind = type(value)
        if issubclass(kind, (torch.nn.Module, torch.Tensor, torch.optim.Optimizer)):
            continue
        if kind in (list, tuple) and len(value) <= 64:  # type: ignore[arg-type]
            inner.extend((f"{name}[{i}]", each) for i, each in enumerate(value))  # type: ignore[arg-type,var-annotated]
        elif kind is dict and len(value) <= 64:  # type: ignore[arg-type]
            inner.extend((f"{name}[{key!r}]", each) for key, each in value.items() if type(key) in (str, int))  # type: ignore[attr-defined]
        elif not issubclass(kind, type) and kind.__module__ == "__main__":
            with contextlib.suppress(AttributeError, TypeError):
                state = object.__getattribute__(value, "__dict__")
                inner.extend((f"{name}.{key}", each) for key, each in dict.items(state))
    whole = [*variables, *inner]
    return sorted(whole, key=lambda item: not issubclass(type(item[1]), torch.nn.Module))
