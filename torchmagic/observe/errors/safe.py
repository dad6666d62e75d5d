"""Which of torch's functions may be run on stand-ins."""

from __future__ import annotations

from types import BuiltinFunctionType, FunctionType
from typing import Any

import torch
from torch import nn

from torchmagic.observe.errors.standins import is_torch_module

_FUNCTION_HOMES = frozenset({"torch.nn.functional", "torch.functional", "torch._tensor", "torch.nn.init"})


_READS = frozenset({torch.allclose, torch.equal, torch.is_nonzero})


def is_safe_function(function: Any) -> bool:
    """Whether a function is one of torch's operations, a layer of torch's, or makes one.

    >>> is_safe_function(torch.cat), is_safe_function(torch.save), is_safe_function(print)
    (True, False, False)
    """
    if issubclass(type(function), nn.Module):
        return is_torch_module(function)
    if issubclass(type(function), type):
        return function is nn.Parameter or (
            issubclass(function, nn.Module) and function.__module__.startswith("torch.nn.modules.")
        )
    if function is torch.tensor or function is torch.from_numpy or function is torch.as_tensor:
        return True
    if type(function) is BuiltinFunctionType:
        if function in _READS:
            return False
        home = getattr(function, "__module__", None) or ""
        return home.startswith("torch._C._") or hasattr(torch._C._VariableFunctions, function.__name__)
    if type(function) is FunctionType:
        return function.__module__ in _FUNCTION_HOMES
    return type(function).__name__ == "boolean_dispatch" or _is_dispatched(function)


def _is_dispatched(function: Any) -> bool:
    return getattr(function, "__module__", "") in _FUNCTION_HOMES and callable(function)
