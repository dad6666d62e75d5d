"""What a call that cuts the graph is called, and why it cuts, in the user's words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch

SHAPE_ONLY = frozenset(
    {
        *(
            "zeros_like",
            "ones_like",
            "full_like",
            "empty_like",
            "rand_like",
            "randn_like",
            "randint_like",
            "dropout_mask",
        ),
        *("size", "stride", "dim", "numel", "__len__", "broadcast_shapes", "result_type", "grad", "backward"),
        *("requires_grad_", "__repr__", "__format__", "__str__", "__hash__", "element_size", "data_ptr", "get_device"),
        *(
            "register_hook",
            "retain_grad",
            "untyped_storage",
            "storage",
            "storage_offset",
            "__dlpack__",
            "__reduce_ex__",
        ),
    }
)
"""Calls that take no elements from their tensors, or that do not lead anywhere."""

LEAVE = frozenset({"item()", "float()", "int()", "complex()", "tolist()", "numpy()", "np.asarray()"})
"""Cuts whose result is no tensor."""

MEANT = frozenset({"detach()", "detach_()", ".data", "no_grad", "inference_mode", "torch.autograd.grad"})
"""Cuts that are there to cut."""

_NUMBERS = {
    "item": "item()",
    "__float__": "float()",
    "__int__": "int()",
    "__index__": "int()",
    "__complex__": "complex()",
    "tolist": "tolist()",
    "numpy": "numpy()",
    "__array__": "np.asarray()",
}
_SIGNS = {
    "gt": ">",
    "lt": "<",
    "ge": ">=",
    "le": "<=",
    "eq": "==",
    "ne": "!=",
    "__gt__": ">",
    "__lt__": "<",
    "__ge__": ">=",
    "__le__": "<=",
    "__eq__": "==",
    "__ne__": "!=",
    "greater": ">",
    "less": "<",
    "greater_equal": ">=",
    "less_equal": "<=",
    "not_equal": "!=",
}
_CASTS = frozenset(
    {
        *(
            "long",
            "int",
            "short",
            "char",
            "byte",
            "bool",
            "to",
            "type",
            "type_as",
            "int8",
            "round_",
            "view",
            "__getitem__",
        )
    }
)


@dataclass(frozen=True, slots=True)
class CutWords:
    """What cut, why, and whether that is ordinary."""

    what: str
    why: str
    quiet: bool = False


def is_numbers(name: str) -> bool:
    """Whether a method gives what is no tensor.

    >>> is_numbers("item"), is_numbers("mul")
    (True, False)
    """
    return name in _NUMBERS


def words(name: str, out: Any) -> CutWords:
    """The words for a call of that name that gave ``out``.

    >>> words("argmax", torch.tensor(1))
    CutWords(what='argmax()', why='argmax() gives int64 numbers, which have no gradient.', quiet=False)
    """
    if name in ("detach", "detach_"):
        return CutWords(f"{name}()", "detach() gives the values alone, outside the graph.")
    if name == "data":
        return CutWords(".data", ".data gives the values alone, outside the graph.")
    if name in _NUMBERS:
        what = _NUMBERS[name]
        kind = "a NumPy array" if name in ("numpy", "__array__") else "plain Python numbers"
        return CutWords(what, f"{what} gives {kind}, which know no gradient.", quiet=True)
    if name in ("tensor", "new_tensor", "as_tensor", "asarray"):
        what = f"{'' if name == 'new_tensor' else 'torch.'}{name}()"
        return CutWords(what, f"{what} copies the values into a new tensor, outside the graph.")
    if name == "autograd.grad":
        why = "Without create_graph=True, torch.autograd.grad gives gradients that have no graph of their own."
        return CutWords("torch.autograd.grad", why)
    if name == "sample":
        return CutWords("sample()", "sample() draws without gradients; rsample() keeps them.")
    if isinstance(out, torch.Tensor) and not (out.is_floating_point() or out.is_complex()):
        return _integers(name, values_of(out.dtype))
    if torch.is_inference_mode_enabled():
        return CutWords("inference_mode", "torch.inference_mode() records no operations.")
    if not torch.is_grad_enabled():
        return CutWords("no_grad", "torch.no_grad() records no operations.")
    what = f"{name}()" if name and not name.startswith("__") else "a call"
    return CutWords(what, f"{what} has no derivative.")


def values_of(dtype: torch.dtype) -> str:
    """A dtype without the prefix.

    >>> values_of(torch.int64)
    'int64'
    """
    return str(dtype).removeprefix("torch.")


def _integers(name: str, dtype: str) -> CutWords:
    if name in _SIGNS:
        return CutWords(
            f"{_SIGNS[name]}", f"A comparison ({_SIGNS[name]}) gives bool values, which have no gradient.", True
        )
    if name in _CASTS:
        return CutWords(f"to {dtype}", f"{dtype} numbers have no gradient.", quiet=dtype == "bool")
    what = f"{name}()" if name and not name.startswith("__") else f"to {dtype}"
    return CutWords(what, f"{what} gives {dtype} numbers, which have no gradient.", quiet=dtype == "bool")
