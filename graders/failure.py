"""The failure of a check, in words for a student; and values of any kind in words."""

from __future__ import annotations

import sys
from typing import Any

import torch

_LONGEST = 60


class CheckFailed(AssertionError):
    """A check's reason why an answer is not right yet.

    Attributes:
        redacted: the same reason without expected values, for hidden tests.

    >>> str(CheckFailed("`y` has shape (3,), expected (3, 1)"))
    '`y` has shape (3,), expected (3, 1)'
    """

    def __init__(self, message: str, *, redacted: str = "") -> None:
        super().__init__(message)
        self.redacted = redacted or message


def describe(value: object) -> str:
    """A value of any kind in a few words; never raises.

    >>> describe(None), describe([1, 2]), describe("a")
    ('None (was it assigned or returned?)', 'a list, [1, 2]', "a string, 'a'")
    >>> describe(torch.ones(2, 3)), describe(len)
    ('a tensor of shape (2, 3) and dtype float32', 'a function')
    """
    if value is None:
        return "None (was it assigned or returned?)"
    kind = type(value)
    if issubclass(kind, torch.Tensor):
        return _describe_tensor(value)
    numpy = sys.modules.get("numpy")
    if numpy is not None and isinstance(value, numpy.ndarray):
        return f"a NumPy array of shape {value.shape}: turn it into a tensor with torch.from_numpy"
    if kind in (bool, int, float, complex, list, tuple, dict, set):
        text = repr(value)
        article = "an" if kind is int else "a"
        return f"{article} {kind.__name__}, {text if len(text) <= _LONGEST else text[:_LONGEST] + '…'}"
    if kind is str:
        return f"a string, {value!r:.{_LONGEST}}"
    if _is_function(value):
        return "a function"
    return f"an object of type {_type_name(value)}"


def _describe_tensor(tensor: Any) -> str:
    try:
        with torch._C.DisableTorchFunctionSubclass():
            return f"a tensor of shape {tuple(tensor.shape)} and dtype {str(tensor.dtype).removeprefix('torch.')}"
    except Exception:  # an exotic tensor may have no shape; it is a tensor all the same
        return "a tensor"


def _is_function(value: object) -> bool:
    import types

    try:
        return isinstance(value, (types.FunctionType, types.BuiltinFunctionType, types.MethodType))
    except Exception:  # an object's own __class__ may raise anything
        return False


def _type_name(value: object) -> str:
    facts = value.__dict__.get("_remote_facts", {}) if hasattr(type(value), "_remote_refuse") else {}
    return str(facts.get("type", type(value).__name__)).removeprefix("__main__.")[:_LONGEST]
