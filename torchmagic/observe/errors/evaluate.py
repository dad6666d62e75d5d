"""What an expression of the user's was worth: values that a frame holds, and stand-ins for what torch computed.

Nothing of the user's runs: names, attributes and entries of plain containers are looked up (``pure_eval``), torch's
own functions are run on stand-ins, and anything else is unknown.
"""

from __future__ import annotations

import ast
import contextlib
import sys
from collections.abc import Mapping
from types import FrameType, ModuleType
from typing import Any

import torch
from pure_eval import CannotEval, Evaluator
from torch import nn

from torchmagic.observe.errors.limits import Unknown
from torchmagic.observe.errors.operators import OPERATORS, Getter, getitem, set_requires_grad, setitem
from torchmagic.observe.errors.safe import is_safe_function
from torchmagic.observe.errors.standins import Standins, as_plain, plain

_FACTS = frozenset({"shape", "dtype", "ndim", "requires_grad", "is_leaf", "layout"})
_VIEWS = frozenset({"T", "mT", "H", "mH", "real", "imag", "data"})
_CONTAINERS = (nn.Sequential, nn.ModuleList, nn.ModuleDict, nn.ParameterList, nn.ParameterDict)
_READS_ELEMENTS = frozenset({"item", "tolist", "numpy", "__bool__", "__float__", "__int__", "is_nonzero", "equal"})


class Failed(Exception):
    """An operation on stand-ins raised ``error``."""

    def __init__(self, error: Exception) -> None:
        super().__init__(str(error))
        self.error = error


class World(Evaluator):
    """Evaluates nodes of the user's source: ``world[node]`` is a value, or raises CannotEval or Failed.

    >>> world = World({"x": torch.ones(2, 3), "torch": torch})
    >>> tuple(world[ast.parse("torch.relu(x.T)[0]", mode="eval").body].shape)
    (2,)
    """

    def __init__(self, names: Mapping[str, Any], where: str = "cpu") -> None:
        super().__init__(names)
        self.standins = Standins(where)
        self.where = where
        self._aliases: dict[int, tuple[Any, Any]] = {}
        self._bound: dict[ast.expr, Any] = {}

    @classmethod
    def of_frame(cls, frame: FrameType) -> World:
        """The world of a frame's variables; the frame keeps no snapshot of them."""
        variables = frame.f_locals
        names = {**frame.f_builtins, **frame.f_globals, **variables}
        if variables is not frame.f_globals and type(variables) is dict and frame.f_code.co_flags & 1:
            variables.clear()  # before Python 3.13 the frame would keep this snapshot
        return cls(names)

    def bind(self, node: ast.expr, value: Any) -> None:
        """Tell the value of a node that cannot be evaluated."""
        self._cache[node] = self._bound[node] = self.plainly(value)

    def twin(self, where: str) -> World:
        """A world of the same values whose stand-ins are ``where``."""
        world = World(self.names, where)
        for node, value in self._bound.items():
            if self.standins.made(value):
                with contextlib.suppress(Unknown):
                    value = world.standins.of_shape(value.shape, value.dtype, self.standins.device(value))
            world.bind(node, value)
        return world

    def run(self, node: ast.AST) -> Any:
        """Evaluate an expression or what a simple statement computes.

        Raises:
            CannotEval: it cannot be told.
            Failed: an operation of torch's raised.
        """
        if isinstance(node, ast.expr):
            return self[node]
        if isinstance(node, ast.AugAssign):
            return self.apply(OPERATORS[f"I{type(node.op).__name__}"], [self[_load(node.target)], self[node.value]])
        if isinstance(node, ast.Assign) and len(node.targets) == 1:
            target = node.targets[0]
            value = self[node.value]
            if isinstance(target, ast.Subscript):
                base = self[target.value]
                if not issubclass(type(base), torch.Tensor):
                    raise CannotEval
                return self.apply(setitem, [base, self.index(target.slice), value])
            if isinstance(target, ast.Attribute) and isinstance(self[target.value], torch.Tensor):
                return self._assign_attribute(self[target.value], target.attr, value)
            if isinstance(target, (ast.Tuple, ast.List)):
                raise CannotEval
            return value
        raise CannotEval

    def apply(self, function: Any, args: list[Any], kwargs: Mapping[str, Any] | None = None) -> Any:
        """Run a function of torch's on stand-ins."""
        try:
            return self.standins.apply(function, args, kwargs)
        except Unknown:
            raise CannotEval from None
        except Exception as error:  # whatever torch raises is what is asked for
            raise Failed(error) from None

    def index(self, node: ast.expr) -> Any:
        """The value of what stands between square brackets."""
        if isinstance(node, ast.Slice):
            return slice(*(None if part is None else self[part] for part in (node.lower, node.upper, node.step)))
        if isinstance(node, ast.Tuple):
            return tuple(self.index(item) for item in node.elts)
        return self[node]

    # -- the kinds of nodes ---------------------------------------------------------------------------------

    def _handle(self, node: ast.expr) -> Any:
        return self.plainly(self._found(node))

    def plainly(self, value: Any) -> Any:
        """The value, or for a tensor of a user's class the one plain tensor that stands for it here."""
        if issubclass(type(value), torch.Tensor) and id(value) not in self._aliases:
            self._aliases[id(value)] = (value, as_plain(value))
        return self._aliases[id(value)][1] if id(value) in self._aliases else value

    def class_name(self, tensor: Any) -> str:
        """The name of the user's class for what :meth:`plainly` gave."""
        return next(
            (type(one).__name__ for one, other in self._aliases.values() if other is tensor), type(tensor).__name__
        )

    def _found(self, node: ast.expr) -> Any:
        if isinstance(node, ast.Attribute):
            return self._attribute(node)
        if isinstance(node, ast.Subscript):
            return self._subscript(node)
        if isinstance(node, ast.Call):
            return self._call(node)
        if isinstance(node, ast.BinOp):
            return self._operator(node, OPERATORS[type(node.op).__name__], [node.left, node.right])
        if isinstance(node, ast.UnaryOp) and not isinstance(node.op, ast.Not):
            return self._operator(node, OPERATORS[type(node.op).__name__], [node.operand])
        if isinstance(node, ast.Compare) and len(node.ops) == 1 and type(node.ops[0]).__name__ in OPERATORS:
            return self._operator(node, OPERATORS[type(node.ops[0]).__name__], [node.left, node.comparators[0]])
        if isinstance(node, ast.NamedExpr):
            return self[node.value]
        if isinstance(node, ast.Starred):
            raise CannotEval
        return super()._handle(node)

    def _operator(self, node: ast.expr, function: Any, operands: list[ast.expr]) -> Any:
        values = [self[operand] for operand in operands]
        if any(issubclass(type(value), torch.Tensor) for value in values):
            if any(_is_array(value) for value in values):
                raise CannotEval  # NumPy would take part, and read elements
            return self.apply(function, values)
        return super()._handle(node)

    def _attribute(self, node: ast.Attribute) -> Any:
        value, name = self[node.value], node.attr
        kind = type(value)
        if issubclass(kind, torch.Tensor):
            return self._tensor_attribute(value, name)
        if issubclass(kind, nn.Module):
            for store in ("_parameters", "_buffers", "_modules"):
                found = value.__dict__.get(store)
                if found is not None and name in found:
                    return found[name]
        if kind is ModuleType:
            try:
                return value.__dict__[name]
            except KeyError:
                raise CannotEval from None
        if issubclass(kind, tuple) and name in _fields(kind):
            return tuple.__getitem__(value, _fields(kind).index(name))
        if kind is torch.Size and name == "numel":
            return value.numel
        return super()._handle(node)

    def _tensor_attribute(self, tensor: Any, name: str) -> Any:
        if not self.standins.made(tensor) and not plain(tensor):
            raise CannotEval
        if name == "device":
            return torch.device(self.standins.device(tensor))
        if name == "grad":
            if self.standins.made(tensor) or not (tensor.is_leaf or tensor.retains_grad):
                raise CannotEval
            return tensor.grad
        if name in _FACTS:
            return getattr(tensor, name)
        if name in _VIEWS:
            return self.apply(Getter(name), [tensor])
        raise CannotEval

    def _assign_attribute(self, tensor: Any, name: str, value: Any) -> Any:
        if name != "requires_grad":
            raise CannotEval
        return self.apply(set_requires_grad, [tensor, value])

    def _subscript(self, node: ast.Subscript) -> Any:
        value = self[node.value]
        kind = type(value)
        if issubclass(kind, torch.Tensor):
            return self.apply(getitem, [value, self.index(node.slice)])
        if kind is torch.Size:
            return value[self.index(node.slice)]
        if kind in _CONTAINERS:
            store = value.__dict__["_modules"] or value.__dict__["_parameters"]
            key = self[node.slice]
            if type(key) is int:
                keys = list(store)
                if not -len(keys) <= key < len(keys):
                    raise CannotEval
                key = keys[key]
            if key not in store:
                raise CannotEval
            return store[key]
        if kind in (list, tuple):
            try:
                index = self.index(node.slice)
                if type(index) in (int, slice):
                    return value[index]
            except IndexError:
                pass
            raise CannotEval
        return super()._handle(node)

    def _call(self, node: ast.Call) -> Any:
        if isinstance(node.func, ast.Attribute):
            base = self._maybe(node.func.value)
            if issubclass(type(base), torch.Tensor):
                return self._method(base, node)
            if type(base) is torch.Size and node.func.attr == "numel":
                return base.numel()
        function = self[node.func]
        if is_safe_function(function):
            args, kwargs = self._arguments(node)
            if function is torch.from_numpy and _is_array(args[0]):
                return self._from_numpy(args[0])
            return self.apply(function, args, kwargs)
        if function is len and len(node.args) == 1:
            value = self[node.args[0]]
            if issubclass(type(value), torch.Tensor) and value.dim():
                return value.size(0)
        return super()._handle(node)

    def _method(self, base: Any, node: ast.Call) -> Any:
        assert isinstance(node.func, ast.Attribute)
        name = node.func.attr
        function = getattr(torch.Tensor, name, None)
        if function is None or name.startswith("_") or name in _READS_ELEMENTS:
            raise CannotEval
        if name in ("size", "dim", "numel", "ndimension", "stride", "nelement", "is_contiguous"):
            if not self.standins.made(base) and not plain(base):
                raise CannotEval
            args, kwargs = self._arguments(node)
            return getattr(base, name)(*args, **kwargs)
        if name in ("backward", "register_hook", "share_memory_"):
            raise CannotEval
        args, kwargs = self._arguments(node)
        return self.apply(function, [base, *args], kwargs)

    def _arguments(self, node: ast.Call) -> tuple[list[Any], dict[str, Any]]:
        args: list[Any] = []
        for arg in node.args:
            if isinstance(arg, ast.Starred):
                value = self[arg.value]
                if type(value) not in (list, tuple, torch.Size):
                    raise CannotEval
                args.extend(value)
            else:
                args.append(self[arg])
        kwargs: dict[str, Any] = {}
        for keyword in node.keywords:
            value = self[keyword.value]
            if keyword.arg is not None:
                kwargs[keyword.arg] = value
            elif type(value) is dict:
                kwargs.update(value)
            else:
                raise CannotEval
        return args, kwargs

    def _from_numpy(self, array: Any) -> Any:
        import numpy

        try:
            dtype = torch.from_numpy(numpy.empty(0, array.dtype)).dtype
        except TypeError as error:
            raise Failed(error) from None
        try:
            return self.standins.of_shape(array.shape, dtype, "cpu")
        except Unknown:
            raise CannotEval from None

    def _maybe(self, node: ast.expr) -> Any:
        try:
            return self[node]
        except (CannotEval, Failed):
            return None


def _fields(kind: type) -> tuple[str, ...]:
    """The names of a named tuple's entries, or of what torch's functions return."""
    if kind.__module__ == "torch.return_types":
        return tuple(name for name in vars(kind) if not name.startswith(("_", "n_")))
    found = vars(kind).get("_fields")
    return found if type(found) is tuple else ()


def _load(target: ast.expr) -> ast.expr:
    """The target of an assignment as an expression that reads it."""
    return target


def _is_array(value: object) -> bool:
    numpy = sys.modules.get("numpy")
    return numpy is not None and isinstance(value, numpy.ndarray)
