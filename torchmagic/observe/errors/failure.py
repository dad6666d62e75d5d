"""A failed operation: what was called, with which arguments, in which layer."""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

import torch
from pure_eval import CannotEval
from torch import nn

from torchmagic.observe.errors.evaluate import Failed, World
from torchmagic.observe.errors.layers import Layer, find_layer
from torchmagic.observe.errors.operators import SIGNS
from torchmagic.observe.errors.site import Site, node_text
from torchmagic.observe.errors.standins import is_torch_module
from torchmagic.observe.recorded import NOTHING, Recorded

MISSING: Any = object()
"""The value of an argument that could not be had."""

_MOST_ITEMS = 8


@dataclass(frozen=True, eq=False)
class Arg:
    """An argument of the failed operation.

    Attributes:
        text: the user's expression for it, or the parameter's name.
        value: the user's own object, a stand-in of what was computed, or MISSING.
        node: where it stands in the source; None for what torch itself passed on.
        role: the parameter's name, or "".
    """

    text: str
    value: Any
    node: ast.expr | None = None
    role: str = ""

    @property
    def is_tensor(self) -> bool:
        return issubclass(type(self.value), torch.Tensor)

    @property
    def shape(self) -> tuple[int, ...]:
        return tuple(torch.Tensor.size(self.value)) if self.is_tensor else ()

    @property
    def dtype(self) -> torch.dtype:
        found: torch.dtype = cast("Any", torch.Tensor.dtype).__get__(self.value)
        return found

    @property
    def is_array(self) -> bool:
        return type(self.value).__module__ == "numpy" and type(self.value).__name__ == "ndarray"


@dataclass(frozen=True, eq=False)
class Failure:
    """What is known of a failed operation.

    Attributes:
        error: the exception; ``message`` its text.
        site: where it happened.
        world: evaluates expressions of that frame.
        name: the operation's plain name ("add", "cat", "getitem", "Linear").
        operation: as the user knows it ("+", "torch.cat", "indexing", "nn.Linear").
        args: the arguments, in their order.
        callee: what was called, where that is known.
        layer: the module of torch's inside which it failed.
        recorded: what a watch over the cell knows.
    """

    error: BaseException
    message: str
    site: Site
    world: World
    name: str
    operation: str
    args: tuple[Arg, ...]
    callee: Any = None
    layer: Layer | None = None
    notes: dict[str, Any] = field(default_factory=dict)
    recorded: Recorded = NOTHING

    @property
    def tensors(self) -> list[Arg]:
        """The arguments that are tensors."""
        return [arg for arg in self.args if arg.is_tensor]

    def device(self, arg: Arg) -> str:
        """Where an argument's tensor is."""
        return self.world.standins.device(arg.value)

    def keyword(self, name: str, position: int | None = None) -> Arg | None:
        """The argument given by keyword, or at a position among all."""
        for arg in self.args:
            if arg.role == name:
                return arg
        if position is not None and position < len(self.args) and not self.args[position].role:
            return self.args[position]
        return None


def read_failure(error: BaseException, site: Site, world: World) -> Failure:
    """The failed operation at a site."""
    node = site.node
    name, operation, args, callee = _describe(node, world) if node is not None else ("", "", [], None)
    whole = re.search(r"not (tuple|list)\b", str(error))
    if whole is not None and isinstance(node, ast.Call):
        args = [*_closed(node, world), *(arg for arg in args if arg.node is not None and not _is_item(arg.node))]
    layer = find_layer(site, world)
    if layer is not None and layer.module is not callee and not _is_method_of(callee, layer.module):
        name, operation = type(layer.module).__name__, f"nn.{type(layer.module).__name__}"
        inner = _layer_args(layer, args, world)
        args = [*inner, *(each for each in args if each.is_tensor and all(each.text != other.text for other in inner))]
        callee = layer.module
    message = str(error)
    return Failure(error, message, site, world, name, operation, tuple(args), callee, layer)


def first(failure: Failure) -> Arg | None:
    """The first argument that is a tensor."""
    return failure.tensors[0] if failure.tensors else None


def _closed(node: ast.Call, world: World) -> list[Arg]:
    """The lists and tuples among the arguments of a call that wanted a tensor, each as one."""
    return [each for each in _args(node.args, world) if type(each.value) in (list, tuple)]


def _is_item(node: ast.expr) -> bool:
    """Whether the node was made by :func:`_items`: it stands nowhere in the source."""
    return not hasattr(node, "lineno")


def user_args(failure: Failure) -> list[Arg]:
    """The arguments of the user's own call, also where a layer within it failed."""
    return _describe(failure.site.node, failure.world)[2] if failure.site.node is not None else []


def _is_method_of(callee: Any, module: nn.Module) -> bool:
    return getattr(callee, "__self__", None) is module


def _layer_args(layer: Layer, given: Sequence[Arg], world: World) -> list[Arg]:
    """What the layer's forward was given: by the user's name where it is the very tensor that they passed."""
    found = []
    for role, given_value in layer.inputs:
        value = world.plainly(given_value)
        same = next((arg for arg in given if arg.value is value), None)
        found.append(Arg(same.text if same else role, value, same.node if same else None, role))
    return found


# -- what a node does ------------------------------------------------------------------------------------

_Description = tuple[str, str, list[Arg], Any]


def _describe(node: ast.AST, world: World) -> _Description:
    if isinstance(node, ast.Call):
        return _call(node, world)
    if isinstance(node, ast.BinOp):
        sign = SIGNS[type(node.op).__name__]
        return type(node.op).__name__.lower(), sign, _args([node.left, node.right], world), None
    if isinstance(node, ast.UnaryOp):
        return type(node.op).__name__.lower(), SIGNS[type(node.op).__name__], _args([node.operand], world), None
    if isinstance(node, ast.Compare):
        sign = SIGNS[type(node.ops[0]).__name__]
        return "compare", sign, _args([node.left, *node.comparators], world), None
    if isinstance(node, ast.AugAssign):
        sign = SIGNS[type(node.op).__name__]
        name = f"i{type(node.op).__name__.lower()}"
        args = _args([node.target, node.value], world)
        if isinstance(node.target, ast.Subscript):
            args += _index_args(node.target, world)
        return name, f"{sign}=", args, None
    if isinstance(node, ast.Subscript):
        return "getitem", "indexing", _index_args(node, world), None
    if isinstance(node, ast.Assign):
        return _assignment(node, world)
    if isinstance(node, ast.Attribute):
        return "attribute", f".{node.attr}", _args([node.value], world), None
    if isinstance(node, ast.BoolOp):
        return "truth", "and" if isinstance(node.op, ast.And) else "or", _args(node.values, world), None
    if isinstance(node, ast.JoinedStr):
        parts = [part.value for part in node.values if isinstance(part, ast.FormattedValue)]
        return "format", "f-string", _args(parts, world), None
    if isinstance(node, ast.expr):
        return "value", "", _args([node], world), None
    return "", "", [], None


def _assignment(node: ast.Assign, world: World) -> _Description:
    target = node.targets[0]
    if isinstance(target, ast.Subscript):
        args = [*_args([target], world), *_args([node.value], world, "value"), *_index_args(target, world)]
        return "setitem", "index assignment", args, None
    if isinstance(target, ast.Attribute):
        return "setattr", f".{target.attr} =", _args([target.value, node.value], world), None
    return "unpack", "unpacking", _args([node.value], world), None


def _call(node: ast.Call, world: World) -> _Description:
    function = node.func
    if isinstance(function, ast.Attribute):
        base = value_of(function.value, world)
        if issubclass(type(base), torch.Tensor) or (base is MISSING and hasattr(torch.Tensor, function.attr)):
            self_arg = Arg(node_text(function.value), base, function.value)
            roles = _roles(getattr(torch.Tensor, function.attr, None))
            args = [self_arg, *_call_args(node, world, roles[1:])]
            return function.attr, f"Tensor.{function.attr}", args, None
        if base is None or (not issubclass(type(base), nn.Module) and _is_bound_to_data(base)):
            return function.attr, f".{function.attr}()", _args([function.value], world), None
    callee = value_of(function, world)
    if callee is MISSING:
        return node_text(function), node_text(function), _call_args(node, world, []), None
    if issubclass(type(callee), nn.Module):
        kind = type(callee).__name__
        roles = _roles(type(callee).forward)[1:] if is_torch_module(callee) else []
        return kind, f"nn.{kind}" if is_torch_module(callee) else kind, _call_args(node, world, roles), callee
    name = str(getattr(callee, "__name__", node_text(function)))
    return name, node_text(function), _call_args(node, world, _roles(callee)), callee


def _is_bound_to_data(value: Any) -> bool:
    return type(value) in (int, float, str, bool, list, tuple, dict)


def _roles(function: Any) -> list[str]:
    """The names of a function's positional parameters, for functions of torch's; none for builtins."""
    if not getattr(function, "__module__", "").startswith("torch") and not hasattr(function, "__objclass__"):
        return []
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return []
    return [each.name for each in parameters if each.kind in (each.POSITIONAL_ONLY, each.POSITIONAL_OR_KEYWORD)]


def _call_args(node: ast.Call, world: World, roles: Sequence[str]) -> list[Arg]:
    found: list[Arg] = []
    for position, each in enumerate(node.args):
        role = roles[position] if position < len(roles) else ""
        if isinstance(each, ast.Starred):
            found += _items(each.value, value_of(each.value, world), world)
        else:
            found += _opened(each, world, role)
    for keyword in node.keywords:
        found += _opened(keyword.value, world, keyword.arg or "")
    return found


def _opened(node: ast.expr, world: World, role: str) -> list[Arg]:
    """An argument; a list of tensors as its items."""
    if isinstance(node, (ast.List, ast.Tuple)) and node.elts:
        items = _args([each for each in node.elts if not isinstance(each, ast.Starred)], world)
        if any(item.is_tensor or item.value is MISSING for item in items):
            return items
    value = value_of(node, world)
    if type(value) in (list, tuple) and any(issubclass(type(item), torch.Tensor) for item in value):
        return _items(node, value, world)
    return [Arg(node_text(node), value, node, role)]


def _items(node: ast.expr, values: Any, world: World) -> list[Arg]:
    if type(values) not in (list, tuple):
        return [Arg(node_text(node), values, node)]
    found = []
    for position, each in enumerate(values[:_MOST_ITEMS]):
        value = world.plainly(each)
        item = ast.Subscript(value=node, slice=ast.Constant(position), ctx=ast.Load())
        world.bind(item, value)
        found.append(Arg(f"{node_text(node)}[{position}]", value, item))
    return found


def _args(nodes: Sequence[ast.expr], world: World, role: str = "") -> list[Arg]:
    return [Arg(node_text(node), value_of(node, world), node, role) for node in nodes]


def _index_args(node: ast.Subscript, world: World) -> list[Arg]:
    """What is indexed, and the indices that are not written out."""
    found = _args([node.value], world)
    for part in _index_parts(node.slice):
        if not isinstance(part, (ast.Slice, ast.Constant)):
            found.append(Arg(node_text(part), value_of(part, world), part, "index"))
    return found


def _index_parts(node: ast.expr) -> Iterator[ast.expr]:
    if isinstance(node, ast.Tuple):
        yield from node.elts
    else:
        yield node


def value_of(node: ast.expr, world: World) -> Any:
    """The value of a node, or MISSING."""
    try:
        return world[node]
    except (CannotEval, Failed):
        return MISSING
    except Exception:  # pure_eval meets objects of any kind
        return MISSING
