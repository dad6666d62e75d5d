"""Which type a student's object shows to a test: the judge's own of torch or Python, or one of the student's by name.

Never a kind of data: what may be taken for a number, a list or a tensor has been copied.
"""

from __future__ import annotations

import builtins
import functools
import importlib
import sys
import types
from collections.abc import Mapping
from typing import Any

import torch

#: Kinds of object whose type a remote one may show to isinstance.
_SHOWN_KINDS = (torch.nn.Module, torch.optim.Optimizer, torch.utils.data.Dataset, torch.utils.data.DataLoader)
_SCHEDULERS = "torch.optim.lr_scheduler"
_SHOWN_BUILTINS: Mapping[str, type] = {
    "function": types.FunctionType,
    "builtin_function_or_method": types.BuiltinFunctionType,
    "method": types.MethodType,
    "generator": types.GeneratorType,
    "coroutine": types.CoroutineType,
    "type": type,
}
#: Built-in classes that stand for themselves where a student's value is a class.
_CLASSES = ("object", "int", "float", "str", "bool", "list", "dict", "tuple", "set", "complex", "bytes", "frozenset")


def shown_class(facts: Mapping[str, Any]) -> type | None:
    """The class that an object shows: its own where the judge has it too, or one of its name below the first such.

    >>> shown_class({"type": "torch.nn.modules.linear.Linear", "mro": ["torch.nn.modules.linear.Linear"]})
    <class 'torch.nn.modules.linear.Linear'>
    >>> shown_class({"type": "__main__.Net", "mro": ["__main__.Net", "torch.nn.modules.module.Module"]})
    <class '__main__.Net'>
    """
    mro = facts.get("mro")
    for place, entry in enumerate(mro if isinstance(mro, list) else ()):
        known = _known(str(entry))
        if known is not None:
            return known if place == 0 or known in _SHOWN_BUILTINS.values() else _named(str(facts.get("type")), known)
    return None


def known_class(facts: Mapping[str, Any]) -> type | None:
    """For a value that is a class: the judge's own of that name, where it is a common one of Python's or torch's."""
    classes = facts.get("classes")
    if not isinstance(classes, list) or not classes:
        return None
    module, _, name = str(classes[0]).rpartition(".")
    if module == "builtins":
        return getattr(builtins, name) if name in _CLASSES else None
    return _known(str(classes[0]))


def known_function(facts: Mapping[str, Any]) -> Any | None:
    """For a value that is a public function of torch's or Python's which only computes: the judge's own.

    >>> known_function({"home": "torch", "name": "relu"}) is torch.relu
    True
    >>> known_function({"home": "torch", "name": "load"})
    """
    home, name = facts.get("home"), str(facts.get("name"))
    if home == "torch" and (not hasattr(torch.Tensor, name) or name.endswith("_")):
        return None
    if home not in ("torch", "torch.nn.functional", "math") or name.startswith("_") or name.endswith("_"):
        return None
    found = vars(sys.modules[home]).get(name)
    return found if callable(found) and not isinstance(found, type) else None


@functools.lru_cache(maxsize=4096)
def _known(path: str) -> type | None:
    module, _, name = path.rpartition(".")
    if module == "builtins":
        return _SHOWN_BUILTINS.get(name)
    if module.split(".")[0] != "torch":
        return None
    if module == _SCHEDULERS:
        importlib.import_module(_SCHEDULERS)
    found = vars(sys.modules[module]).get(name) if module in sys.modules else None
    shown = isinstance(found, type) and (issubclass(found, _SHOWN_KINDS) or module == _SCHEDULERS)
    return found if shown else None


@functools.lru_cache(maxsize=1024)
def _named(path: str, base: type) -> type:
    """A class with the name of the student's, only to be looked at."""
    module, _, name = path.rpartition(".")
    return types.new_class(
        name if name.isidentifier() else base.__name__, (base,), {}, lambda ns: ns.update(__module__=module)
    )


class _TypeOf(type):
    def __call__(cls, *args: Any, **kwargs: Any) -> Any:
        if cls is not TypeOf:  # a test's own metaclass
            return super().__call__(*args, **kwargs)
        if len(args) == 1 and not kwargs:
            return args[0].__class__ if hasattr(type(args[0]), "_remote_refuse") else type(args[0])
        return type(*args, **kwargs)

    def __instancecheck__(cls, instance: object) -> bool:
        return isinstance(instance, type)

    def __eq__(cls, other: object) -> bool:
        return other is type or other is cls

    def __hash__(cls) -> int:
        return hash(type)


class TypeOf(type, metaclass=_TypeOf):
    """``type`` for test cells: of an object of the student's it gives the type that isinstance sees."""
