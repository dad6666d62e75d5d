"""From an exception to an Explanation: what failed, with which operands, why, and what to write instead."""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Mapping
from dataclasses import replace
from types import FunctionType, MappingProxyType
from typing import Any

import torch
from torch import nn

from torchmagic.observe.errors import (
    autograd,
    autograd_custom,
    autograd_inplace,
    autograd_leaves,
    broadcast,
    einsum_rules,
    index_tensors,
    indexing,
    joining,
    layer_rules,
    module_rules,
    numbers,
    products,
    python_rules,
    reshape,
    sequence_rules,
    types_rules,
    value_rules,
)
from torchmagic.observe.errors.comprehensions import rebound
from torchmagic.observe.errors.evaluate import World
from torchmagic.observe.errors.failure import MISSING, Arg, Failure, read_failure
from torchmagic.observe.errors.given import bind_call
from torchmagic.observe.errors.site import Site, find_site
from torchmagic.observe.errors.words import Finding
from torchmagic.observe.recorded import NOTHING, Recorded
from torchmagic.observe.tensors import is_observable, observe_tensor
from torchmagic.records import Explanation, Operand, TensorRecord

__all__ = ["explain_error"]

_PARTS = (
    sequence_rules,
    products,
    einsum_rules,
    indexing,
    index_tensors,
    broadcast,
    reshape,
    joining,
    numbers,
    layer_rules,
    module_rules,
    autograd,
    autograd_custom,
    types_rules,
    autograd_inplace,
    autograd_leaves,
    value_rules,
    python_rules,
)
_RULES = tuple((re.compile(pattern, re.S), rule) for part in _PARTS for pattern, rule in part.RULES)
_NEVER = (SyntaxError, NameError, ImportError, OSError, StopIteration, StopAsyncIteration, MemoryError, Warning)
_LONGEST_MESSAGE = 300
_LONGEST_VALUE = 60
_MOST_OPERANDS = 8


def explain_error(
    error: BaseException,
    sources: Mapping[str, str] = MappingProxyType({}),
    recorded: Recorded = NOTHING,
) -> Explanation | None:
    """Why an operation on tensors failed; None for errors that have nothing to do with tensors.

    Nothing of the user's is run, and no tensor is kept alive.

    Args:
        error: the exception, with its traceback.
        sources: code by the name of its file, for files that Python cannot find.
        recorded: what a watch over the cell knows: the operands of the call that raised, also those that the user's
            own functions computed, where tensors were cut off, changed in place, and where backward passes ran.

    >>> x, w = torch.ones(3, 4), torch.ones(5, 4)
    >>> try:
    ...     x @ w
    ... except RuntimeError as error:
    ...     found = explain_error(error)
    >>> found.kind, found.error
    ('matmul', 'RuntimeError')
    """
    if not isinstance(error, Exception) or isinstance(error, _NEVER) or not _has_text(error):
        return None
    site = find_site(error.__traceback__, sources)
    if site is None or (isinstance(error, AssertionError) and not site.inner):
        return None
    with torch._C.DisableTorchFunctionSubclass(), torch.no_grad():
        failure = _read(error, site, recorded)
        if isinstance(site.node, (ast.Raise, ast.Assert)) or _calls_the_users(failure) or not _of_tensors(failure):
            return None
        finding = _finding(failure)
        if finding is None and not _is_operation(failure):
            return None
        return _explanation(failure, finding)


def _has_text(error: Exception) -> bool:
    """Whether the error can say anything: the ``__str__`` of a user's own class may itself fail."""
    try:
        str(error)
    except Exception:
        return False
    return True


def _read(error: BaseException, site: Site, recorded: Recorded) -> Failure:
    """The failure, with stand-ins on the meta device where those in memory leave operands unknown."""
    world = World.of_frame(site.frame)
    if site.node is not None and sys.version_info >= (3, 12):
        world = rebound(site.node, world)
    failure = read_failure(error, site, world)
    if recorded.call is not None and bind_call(failure, recorded.call):
        failure = read_failure(error, site, world)
    unknown = sum(arg.value is MISSING for arg in failure.args)
    if unknown:
        other = read_failure(error, site, world.twin("meta"))
        if sum(arg.value is MISSING for arg in other.args) < unknown:
            failure = other
    return replace(failure, recorded=recorded)


def _finding(failure: Failure) -> Finding | None:
    for pattern, rule in _RULES:
        match = pattern.search(failure.message)
        if match is not None:
            try:
                found: Finding | None = rule(failure, match)
            except Exception:  # an object of the user's that a rule did not foresee: the next may do
                continue
            if found is not None:
                return found
    return None


def _calls_the_users(failure: Failure) -> bool:
    """Whether the call itself failed, of a function of the user's: its arguments do not go with its parameters."""
    callee = failure.callee
    return type(callee) is FunctionType and not callee.__module__.startswith("torch") and not failure.site.inner


def _of_tensors(failure: Failure) -> bool:
    """Whether torch or a tensor took part."""
    if any(frame.f_code.co_filename.startswith(str(torch.__path__[0])) for frame in failure.site.inner):
        return True
    if failure.tensors or issubclass(type(failure.callee), nn.Module) or "Tensor" in failure.message:
        return True
    if autograd.of_numbers(failure.message):
        return True
    if type(failure.error) is RuntimeError and not failure.site.inner:
        return True  # Python itself raises few of these, and none that a rule knows
    missing = re.search(r"'NoneType' object has no attribute '(\w+)'", failure.message)
    if missing is not None and hasattr(torch.Tensor, missing[1]):
        return not any(hasattr(kind, missing[1]) for kind in (str, list, dict, set, int))
    if getattr(failure.callee, "__module__", None) is not None and str(failure.callee.__module__).startswith("torch"):
        return True
    if failure.operation.startswith(("torch.", "Tensor.")):
        return True
    node = failure.site.node
    if node is None:
        code = failure.site.frame.f_code
        mentioned = (*code.co_names, *code.co_varnames)
        return any(issubclass(type(failure.world.names.get(name)), torch.Tensor) for name in mentioned)
    names = [each for each in ast.walk(node) if isinstance(each, ast.Name)]
    return any(issubclass(type(failure.world.names.get(each.id)), (torch.Tensor, nn.Module)) for each in names)


def _is_operation(failure: Failure) -> bool:
    """Whether what failed is an operation on tensors, also where no rule knows why."""
    if isinstance(failure.error, (AttributeError, KeyError)):
        return False
    if issubclass(type(failure.callee), nn.Module) and not failure.site.inner:
        return False
    from_torch = str(getattr(failure.callee, "__module__", "") or "").startswith("torch")
    return (bool(failure.tensors) and (failure.callee is None or from_torch)) or from_torch or failure.layer is not None


def _explanation(failure: Failure, finding: Finding | None) -> Explanation:
    message = " ".join(failure.message.split())
    operands = [_operand(failure, arg.text, arg.role, arg.value) for arg in _worth_showing(failure)[:_MOST_OPERANDS]]
    if finding is not None:
        known = {each.name for each in operands}
        operands += [_operand(failure, *each) for each in finding.extra if each[0] not in known]
    operands = [each for each in operands if not any(_is_same(each, other) for other in operands)]
    return Explanation(
        error=type(failure.error).__name__,
        message=message if len(message) <= _LONGEST_MESSAGE else f"{message[: _LONGEST_MESSAGE - 1]}…",
        kind=finding.kind if finding is not None else "",
        operation=failure.operation,
        expression=failure.site.text,
        filename=failure.site.filename,
        source=failure.site.lines,
        layer=failure.layer.text if failure.layer is not None else "",
        operands=tuple(operands),
        clash=finding.clash if finding is not None else None,
        why=finding.why if finding is not None else "",
        remedies=finding.remedies if finding is not None else (),
    )


def _is_same(inner: Operand, other: Operand) -> bool:
    """Whether one is the other by its name within the layer that failed (``input``), which says less."""
    a, b = inner.tensor, other.tensor
    if a is None or b is None or inner.name == other.name or inner.name != other.role:
        return False
    return (a.shape, a.dtype, a.device) == (b.shape, b.dtype, b.device)


def _worth_showing(failure: Failure) -> list[Arg]:
    """The arguments, each once; what is written out in the source only where the parameter has a name."""
    found: dict[str, Arg] = {}
    for arg in failure.args:
        stored = isinstance(arg.node, (ast.Subscript, ast.Attribute)) and isinstance(arg.node.ctx, ast.Store)
        if stored and arg.value is MISSING and arg.text not in failure.notes:
            continue  # the place that is assigned to is not there
        plain = type(arg.value) in (int, float, bool, str)
        if isinstance(arg.node, ast.Constant) or (plain and arg.text == repr(arg.value)):
            if arg.role and plain:
                found.setdefault(f"{arg.role}=", Arg(arg.role, arg.value, arg.node))
        elif arg.role not in ("need_weights", "average_attn_weights", "is_causal") or arg.node is not None:
            found.setdefault(arg.text, arg)
    return list(found.values())


def _operand(failure: Failure, name: str, role: str, value: object) -> Operand:
    if value is MISSING:
        if name.endswith(".grad") and "NoneType" in failure.message:
            return Operand(name, role, value="None")
        known = failure.notes.get(name)
        return Operand(name, role, value=f"shape {known.shape}" if known is not None else "(not known)")
    if is_observable(value):
        return Operand(name, role, _record(failure, value, name))
    text = _plain_text(value)
    return Operand(name, role, value=text)


def _record(failure: Failure, value: Any, name: str) -> TensorRecord:
    record = observe_tensor(value, name, stats=False)
    if record.kind == "Tensor":
        record = replace(record, kind=failure.world.class_name(value))
    standins = failure.world.standins
    if issubclass(type(value), torch.Tensor) and standins.made(value):
        return replace(
            record,
            device=standins.device(value),
            value_text=None,
            trouble="",
            grad_fn=None,
            is_leaf=True,
            requires_grad=False,
        )
    return record


def _plain_text(value: object) -> str:
    """What is no tensor, as text; nothing of the user's classes is run."""
    if type(value) in (int, float, bool, str, complex, type(None), slice, torch.dtype, torch.device, torch.Size):
        text = repr(value)
    elif type(value) in (list, tuple):
        text = f"{type(value).__name__} of {len(value)}"  # type: ignore[arg-type]
        if all(issubclass(type(item), torch.Tensor) for item in value[:4]):  # type: ignore[index]
            text += f" tensors: {', '.join(str(tuple(item.shape)) for item in value[:4])}"  # type: ignore[index]
        if all(type(item) in (int, float, bool, str, type(None)) for item in value[:20]) and len(value) <= 20:  # type: ignore[index,arg-type]
            text = repr(value)
    else:
        text = f"of type {type(value).__name__}"
    return text if len(text) <= _LONGEST_VALUE else f"{text[: _LONGEST_VALUE - 1]}…"
