"""The functions behind Python's operators."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

#: For each operator node of Python's: the function that does it.
OPERATORS: dict[str, Callable[..., Any]] = {
    "Add": operator.add,
    "Sub": operator.sub,
    "Mult": operator.mul,
    "Div": operator.truediv,
    "FloorDiv": operator.floordiv,
    "Mod": operator.mod,
    "Pow": operator.pow,
    "MatMult": operator.matmul,
    "BitAnd": operator.and_,
    "BitOr": operator.or_,
    "BitXor": operator.xor,
    "LShift": operator.lshift,
    "RShift": operator.rshift,
    "Eq": operator.eq,
    "NotEq": operator.ne,
    "Lt": operator.lt,
    "LtE": operator.le,
    "Gt": operator.gt,
    "GtE": operator.ge,
    "USub": operator.neg,
    "UAdd": operator.pos,
    "Invert": operator.invert,
    "IAdd": operator.iadd,
    "ISub": operator.isub,
    "IMult": operator.imul,
    "IDiv": operator.itruediv,
    "IMatMult": operator.imatmul,
    "IPow": operator.ipow,
    "IFloorDiv": operator.ifloordiv,
    "IMod": operator.imod,
    "IBitAnd": operator.iand,
    "IBitOr": operator.ior,
    "IBitXor": operator.ixor,
}


class Getter:
    """Reads one attribute."""

    def __init__(self, name: str) -> None:
        self.__name__ = name

    def __call__(self, value: Any) -> Any:
        return getattr(value, self.__name__)


def getitem(tensor: Any, index: Any) -> Any:
    """``tensor[index]``."""
    return tensor[index]


def setitem(tensor: Any, index: Any, value: Any) -> Any:
    """``tensor[index] = value``."""
    tensor[index] = value
    return tensor


def set_requires_grad(tensor: Any, value: Any) -> Any:
    """``tensor.requires_grad = value``."""
    tensor.requires_grad = value
    return tensor


#: How each operator is written.
SIGNS = {
    "Add": "+",
    "Sub": "-",
    "Mult": "*",
    "Div": "/",
    "FloorDiv": "//",
    "Mod": "%",
    "Pow": "**",
    "MatMult": "@",
    "BitAnd": "&",
    "BitOr": "|",
    "BitXor": "^",
    "LShift": "<<",
    "RShift": ">>",
    "Eq": "==",
    "NotEq": "!=",
    "Lt": "<",
    "LtE": "<=",
    "Gt": ">",
    "GtE": ">=",
    "USub": "-",
    "UAdd": "+",
    "Invert": "~",
    "Not": "not",
    "In": "in",
    "NotIn": "not in",
    "Is": "is",
    "IsNot": "is not",
}
