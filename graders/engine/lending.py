"""What a test hands to the student's functions: its own functions and objects stay here and are used from there.

The student's code may call what is callable, go through what can be gone through, and read public attributes of
objects of classes that the test defines or that are known to give nothing away; never more. A module of torch's own
kinds and an optimizer go by what they are made of instead, so that the student's code trains the real thing.
"""

from __future__ import annotations

import functools
import io
import itertools
import random
import types
from collections.abc import Callable, Iterable, Mapping, MutableMapping
from typing import Any

import numpy as np
import torch

from graders.engine.packing import Packer, Unpacker, as_list
from graders.engine.public_names import public_home
from graders.engine.random_state import LentGenerators
from graders.engine.reference import IN_STUDENT_PROCESS
from graders.engine.remote_object import CannotSend
from graders.engine.structures import Optimizers, describe_module, module_is_plain
from graders.engine.values import Json
from graders.engine.wire import WireError

_CALLED = (types.FunctionType, types.BuiltinFunctionType, types.MethodType, functools.partial, types.MethodWrapperType)
_READ = (torch.nn.Module, torch.utils.data.Dataset, torch.utils.data.DataLoader, random.Random, np.random.RandomState)
_READ_TOO = (np.random.Generator, io.StringIO, io.BytesIO, torch.optim.lr_scheduler.LRScheduler)
#: A submission does not choose what a test's own generator draws next.
_NOT_READ = ("seed", "setstate", "set_state", "bit_generator")
_GONE_THROUGH: Mapping[str, Callable[..., Any]] = {
    "iter": iter,
    "next": next,
    "len": len,
    "getitem": lambda value, key: value[key],
    "contains": lambda value, item: item in value,
    "repr": repr,
    "str": str,
}


class Lender:
    """The objects of the test's that the student's process knows; one to a submission."""

    def __init__(self, side: Any) -> None:
        self._side = side
        self._objects: dict[int, object] = {}
        self._numbers: dict[int, int] = {}
        self._modules: dict[int, torch.nn.Module] = {}
        self.optimizers = Optimizers()
        self.generators = LentGenerators(strict=True)

    def original(self, number: object) -> object:
        """The object that came back from the student's side by its number."""
        if type(number) is not int or number not in self._objects:
            raise WireError("an object that was never handed out")
        return self._objects[number]

    def refer(self, value: object, packer: Packer) -> dict[str, Json]:
        """The JSON by which the student's side knows an object.

        Raises:
            CannotSend: it is of a kind that is not handed out.
        """
        home = public_home(value)
        if home:
            return {"t": "ref", "module": home, "name": value.__name__}  # type: ignore[attr-defined]
        if isinstance(value, torch.Tensor):
            raise CannotSend(
                f"a tensor of that kind (sparse, quantized or within vmap) cannot be sent to the student's code; "
                f"{IN_STUDENT_PROCESS}"
            )
        known = self._numbers.get(id(value))
        number = self._lend(value) if known is None else known
        if isinstance(value, torch.nn.Module) and module_is_plain(value):
            self._modules[number] = value
            return describe_module(value, number, packer.pack, self._number_of_module)
        if type(value) is torch.Generator and value.device.type == "cpu":
            return self.generators.describe(value, number, packer.encoder.put)
        if isinstance(value, torch.optim.Optimizer) and type(value).__module__.startswith("torch.optim."):
            return self.optimizers.describe(value, number, packer.pack)
        if not _may_be_lent(value):
            del self._objects[number], self._numbers[id(value)]
            raise CannotSend(
                f"the test cell hands a {type(value).__name__} of its own to the student's code, and objects of that "
                f"kind cannot be used from another process; {IN_STUDENT_PROCESS}"
            )
        return {"t": "ref", "k": number, **_facts(value)}

    def _lend(self, value: object) -> int:
        number = len(self._objects) + 1
        self._objects[number] = value  # kept to the end: the student's code may have stored it anywhere
        self._numbers[id(value)] = number
        return number

    def _number_of_module(self, module: torch.nn.Module) -> int:
        number = self._numbers.get(id(module)) or self._lend(module)
        self._modules[number] = module
        return number

    def use(self, request: Mapping[str, Json], unpacker: Unpacker) -> object:
        """Do what the student's code asked of an object that was handed to it; raises what that raises."""
        value: Any = self.original(request.get("k"))
        op = request.get("op")
        if op == "call" and callable(value):
            args, kwargs = unpacker.unpack(request.get("args")), unpacker.unpack(request.get("kwargs"))
            return value(*args, **kwargs)
        if op == "getattr" and _may_be_read(value):
            name = request.get("name")
            if isinstance(name, str) and not name.startswith("_") and name not in _NOT_READ:
                return getattr(value, name)
            raise AttributeError(f"{type(value).__name__!r} object has no attribute {name!r}")
        if op == "setattr" and type(value).__module__ == "__main__":
            name = request.get("name")
            if isinstance(name, str) and not name.startswith("_"):
                setattr(value, name, unpacker.unpack(request.get("value")))
                return None
        if op == "do" and request.get("what") in _GONE_THROUGH:
            return _GONE_THROUGH[str(request["what"])](value, *as_list(unpacker.unpack(request.get("args"))))
        raise AttributeError(f"the test's {type(value).__name__} cannot be used in that way")

    def send(self, header: dict[str, Json], packer: Packer) -> None:
        """Add what the test did to generators and optimizers that the student's side has."""
        if not self._objects:
            return
        self.generators.send(header, packer.encoder.put)
        changed = self.optimizers.changes(packer.encoder.plain, self._side.tensors)
        if changed:
            header["optimizers"] = changed

    def take(self, header: Mapping[str, Json], unpacker: Unpacker) -> None:
        """Do to the test's own modules and optimizers what the student's code did to those over there."""
        if not self._objects:
            return
        self.generators.take(header, unpacker.decoder.tensors)
        self.optimizers.apply(as_list(header.get("optimizers", [])), unpacker, self._side.tensors)
        for entry in as_list(header.get("training", [])):
            number, training = as_list(entry)
            module = self._modules.get(number)
            if module is not None:
                module.training = bool(training)
        for entry in as_list(header.get("submodules", [])):
            number, name, node = as_list(entry)
            module, value = self._modules.get(number), unpacker.unpack(node)
            if module is not None and str(name) in module._modules and isinstance(value, torch.nn.Module):
                module._modules[str(name)] = value


def replace_contents(target: Any, value: Any) -> None:
    """Make a container of the test's what the student's function made of its copy.

    >>> items = [1]
    >>> replace_contents(items, [1, 2])
    >>> items
    [1, 2]
    """
    if type(value) is not type(target) and not isinstance(target, dict):
        raise WireError("a container came back as something else")
    if isinstance(target, list | bytearray):
        target[:] = value
    elif isinstance(target, MutableMapping | set):
        target.clear()
        target.update(value)
    elif isinstance(target, np.ndarray):
        if value.shape == target.shape:
            target[...] = value
    elif hasattr(target, "extend"):
        target.clear()
        target.extend(value)
    else:  # a frame
        target.__init__(value)


def _may_be_read(value: object) -> bool:
    return isinstance(value, (*_READ, *_READ_TOO)) or _of_the_test(value)


def _of_the_test(value: object) -> bool:
    return type(value).__module__ == "__main__" or (isinstance(value, type) and value.__module__ == "__main__")


def _may_be_lent(value: object) -> bool:
    if isinstance(value, types.ModuleType | io.IOBase) and not isinstance(value, _READ_TOO):
        return False
    return callable(value) or _may_be_read(value) or isinstance(value, Iterable)


def _facts(value: object) -> dict[str, Json]:
    """What the student's side shows of an object: its name, its kind, and whether it can be called."""
    kind = type(value)
    return {
        "callable": callable(value),
        "reads": _may_be_read(value),
        "type": kind.__qualname__,
        "name": getattr(value, "__name__", ""),
        "doc": value.__doc__ if isinstance(value, types.FunctionType) else None,
        "mro": list(itertools.islice((f"{base.__module__}.{base.__qualname__}" for base in kind.__mro__), 20)),
    }
