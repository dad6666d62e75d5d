"""The facts of a call that raised, for the explanation: shapes, dtypes and devices of its arguments, and no tensor."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch

from torchmagic.observe.recorded import FailedCall, OperandFact
from torchmagic.observe.values import wrapped

_MOST_ITEMS = 16
_PLAIN = (int, float, bool, str, type(None))


def failed_call(func: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> FailedCall:
    """The facts of the arguments of a call that raised.

    >>> failed_call(torch.add, (torch.ones(2), 3), {}).args[0].shape
    (2,)
    """
    return FailedCall(
        getattr(func, "__name__", ""),
        tuple(_operand(item) for arg in args for item in _opened(arg)),
        {name: _operand(value) for name, value in kwargs.items()},
    )


def _opened(arg: Any) -> Sequence[Any]:
    if type(arg) in (list, tuple) and any(issubclass(type(item), torch.Tensor) for item in arg):
        return list(arg[:_MOST_ITEMS])
    return [arg]


def _operand(value: Any) -> OperandFact:
    if type(value) in (torch.Tensor, torch.nn.Parameter):
        if value.layout is torch.strided and not wrapped(value):
            shape = tuple(size if type(size) is int else -1 for size in value.shape)
            return OperandFact(id(value), shape, value.dtype, str(value.device))
    elif type(value) in _PLAIN:
        return OperandFact(id(value), value=value, plain=True)
    return OperandFact(id(value))
