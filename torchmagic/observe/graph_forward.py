"""The operations of a cell as they ran, with or without a graph: shapes, dtypes, seconds, bytes, module and line."""

from __future__ import annotations

import re
import sys
import weakref
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter
from types import FrameType, FunctionType, MethodWrapperType
from typing import Any

import torch
from torch.overrides import TorchFunctionMode

from torchmagic.graph_records import ForwardCall
from torchmagic.observe import callers, names
from torchmagic.observe.values import dtype_text, sizes

_SKIP = (str(Path(torch.__file__).parent), str(Path(__file__).parents[1]), "<eval_with_key>", "<frozen")
_MOST_ROWS = 500
_MOST_FRAMES = 100
_MOST_NAMED = 12
_NO_OPERATION: frozenset[Any] = frozenset(
    {torch.Tensor.backward, torch.autograd.backward, torch.autograd.grad, torch.Tensor.requires_grad_}
    | {torch.Tensor.retain_grad, torch.Tensor.register_hook, torch.Tensor.__repr__, torch.Tensor.__iter__}
)
_TO_PYTHON = frozenset({"item", "tolist", "numpy", "__array__", "__bool__", "__float__", "__int__", "__index__"})
_VIEWS = frozenset({"T", "mT", "H", "mH", "real", "imag", "data"})
_LABELS = {"__getitem__": "x[…]", "__setitem__": "x[…] = …"}
_NAMESPACE = re.compile(r"^(linalg|fft|special)_")
_MODULE_CALL = torch.nn.Module._call_impl.__code__


@dataclass(slots=True)
class _Row:
    """Equal calls of one place: what they were given, and together how long they took."""

    label: str
    inputs: list[tuple[str, tuple[int, ...], weakref.ref[Any]]]
    outputs: tuple[tuple[tuple[int, ...], str], ...]
    module: weakref.ref[Any] | None
    line: int | None
    seconds: float = 0.0
    nbytes: int = 0
    count: int = 0


@dataclass(slots=True)
class ForwardCalls:
    """What was seen, in the order of first calls; holds weak references only.

    Attributes:
        others: how many calls came after the table was full.
        trouble: what went wrong in looking, or "".
    """

    rows: dict[Any, _Row] = field(default_factory=dict)
    others: int = 0
    trouble: str = ""

    def records(self, namespace: Mapping[str, object]) -> tuple[ForwardCall, ...]:
        """The calls, with modules and parameters by the names under which the user reaches them."""
        named = {id(tensor): name for name, tensor in reversed(names.named_tensors(namespace))}
        paths = _module_paths(namespace)
        return tuple(
            ForwardCall(
                row.label,
                tuple((name or _name_of(ref, named), shape) for name, shape, ref in row.inputs),
                row.outputs,
                row.seconds,
                row.nbytes,
                _path_of(row.module, paths),
                row.line,
                row.count,
            )
            for row in self.rows.values()
        )

    def notes(self) -> list[str]:
        """Sentences on what the table leaves out."""
        found = []
        if self.others:
            found.append(f"The first {_MOST_ROWS} operations are listed; {self.others:,} more calls are not.")
        if self.trouble:
            found.append(f"Part of the operations could not be looked at ({self.trouble}).")
        return found


class ForwardMode(TorchFunctionMode):
    """Times each call of torch's API and notes what went in and came out; never waits for a device.

    >>> with ForwardMode() as mode:
    ...     x = torch.ones(2, 3)
    ...     for _ in range(4):
    ...         y = x @ torch.ones(3, 5)
    >>> [(call.label, call.count, call.outputs) for call in mode.seen.records({"x": x})][-1]
    ('matmul', 4, (((2, 5), 'float32'),))
    """

    def __init__(self) -> None:
        super().__init__()
        self.seen = ForwardCalls()
        self._callers = callers.Callers()

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        if torch.compiler.is_compiling() or torch._C._get_tracing_state() is not None:
            return func(*args, **kwargs)  # a compiler traces the cell: let it see the plain call
        is_python = type(func) is FunctionType
        frame = callers.caller(sys._getframe(1), is_python)
        call = self._callers.at(frame)
        start = perf_counter()
        out = call(func, args, kwargs)
        seconds = perf_counter() - start
        try:
            with torch._C.DisableTorchFunction():
                self._saw(func, args, kwargs, out, seconds, frame)
        except Exception as error:  # ours, not the user's: the cell goes on
            self.seen.trouble = type(error).__name__
        return out

    def leave(self) -> None:
        """Take this mode off the stack."""
        callers.leave(self)

    def _saw(
        self,
        func: Any,
        args: tuple[Any, ...],
        kwargs: Mapping[str, Any],
        out: Any,
        seconds: float,
        frame: FrameType | None,
    ) -> None:
        label = _label(func)
        if not label or (type(func) is FunctionType and func in _NO_OPERATION):
            return
        given = list(_tensors([*args, *kwargs.values()]))
        name = getattr(func, "__name__", "")
        gave = given[:1] if name == "__setitem__" else list(_tensors([out]))
        if not gave and not (given and name in _TO_PYTHON):
            return
        place = places(frame)
        shapes = tuple(_shape(tensor) for tensor in given)
        outputs = tuple((_shape(tensor), dtype_text(tensor.dtype)) for tensor in gave)
        key = (label, place.code, place.lasti, place.line, id(place.module), shapes, outputs)
        row = self.seen.rows.get(key)
        if row is None:
            if len(self.seen.rows) == _MOST_ROWS:
                self.seen.others += 1
                return
            found = _variables(place.user, given)
            inputs = [(found.get(id(t), ""), shape, weakref.ref(t)) for t, shape in zip(given, shapes, strict=True)]
            module = None if place.module is None else weakref.ref(place.module)
            row = self.seen.rows[key] = _Row(label, inputs, outputs, module, place.line)
        row.count += 1
        row.seconds += seconds
        memory = {memory_of(tensor) for tensor in given}
        row.nbytes += sum(_nbytes(tensor) for tensor in gave if memory_of(tensor) not in memory)


@dataclass(frozen=True, slots=True)
class CallPlace:
    """Where a call of torch's API stands.

    Attributes:
        user: the nearest frame of the user's own code.
        code, lasti: tell that place from others.
        line: of the cell; where the user's code is in another file, the line of the cell that led there.
        module: the innermost module in whose call it is.
    """

    user: FrameType | None = None
    code: Any = None
    lasti: int = 0
    line: int | None = None
    module: Any = None


def places(frame: FrameType | None) -> CallPlace:
    """The place of a call that was made in ``frame`` or, through torch's own code, further out."""
    user, module, line = None, None, None
    count = 0
    while frame is not None and count < _MOST_FRAMES:
        code = frame.f_code
        count += 1
        if code is _MODULE_CALL:
            if module is None:
                module = _self_of(frame)
        elif not callers.is_call(code) and not code.co_filename.startswith(_SKIP):
            if user is None:
                user = frame
            if code.co_name == "<module>" or code.co_name.startswith("<cell line"):
                line = user.f_lineno if user.f_code.co_filename == code.co_filename else frame.f_lineno
                break
        frame = frame.f_back
    if user is None:
        return CallPlace(module=module)
    return CallPlace(user, user.f_code, user.f_lasti, line, module)


def _self_of(frame: FrameType) -> Any:
    variables = frame.f_locals
    module = variables.get("self")
    if type(variables) is dict:
        variables.clear()  # before Python 3.13 the frame would keep this snapshot
    return module if issubclass(type(module), torch.nn.Module) else None


def _label(func: Any) -> str:
    """The function's name as users write it, or "" for what is no operation."""
    name = getattr(func, "__name__", "")
    if type(func) is MethodWrapperType:
        attribute = getattr(func.__self__, "__name__", "")
        return f".{attribute}" if name == "__get__" and attribute in _VIEWS else ""
    if type(name) is not str or isinstance(func, type):
        return ""
    bare = _NAMESPACE.sub(r"\1.", name.partition(".")[0])
    return _LABELS.get(name) or (bare.strip("_") if bare.startswith("__") else bare)


def _tensors(items: Iterable[Any], depth: int = 3) -> Iterable[torch.Tensor]:
    for item in items:
        if issubclass(type(item), torch.Tensor):
            yield item
        elif depth and type(item) is dict:
            yield from _tensors(item.values(), depth - 1)
        elif depth and issubclass(type(item), (tuple, list)) and type(item) is not torch.Size:
            base: Any = tuple if issubclass(type(item), tuple) else list
            yield from _tensors(base.__iter__(item), depth - 1)


def _shape(tensor: torch.Tensor) -> tuple[int, ...]:
    return () if tensor.layout is torch.jagged else sizes(tensor.shape)


def _variables(frame: FrameType | None, given: Sequence[torch.Tensor]) -> dict[int, str]:
    """The user's names for the operands of a call."""
    wanted = {id(tensor) for tensor in given[:_MOST_NAMED]}
    found: dict[int, str] = {}
    if frame is not None and wanted:
        for name, value in names.nearest_variables(frame, ()):
            if id(value) in wanted and not name.startswith("_"):
                found.setdefault(id(value), name)
    return found


def memory_of(tensor: torch.Tensor) -> int:
    """What tells a tensor's memory from that of others that are alive."""
    try:
        return int(tensor.untyped_storage()._cdata)
    except (NotImplementedError, RuntimeError):
        return id(tensor)


def _nbytes(tensor: torch.Tensor) -> int:
    try:
        return int(tensor.nbytes)
    except (NotImplementedError, RuntimeError):
        return 0


def _name_of(ref: weakref.ref[Any], named: Mapping[int, str]) -> str:
    tensor = ref()
    return "" if tensor is None else named.get(id(tensor), "")


def _path_of(ref: weakref.ref[Any] | None, paths: Mapping[int, str]) -> str:
    module = None if ref is None else ref()
    return "" if module is None else paths.get(id(module)) or type(module).__name__


def _module_paths(namespace: Mapping[str, object]) -> dict[int, str]:
    """How the user reaches each module, shortest way first."""
    found: dict[int, str] = {}
    stack = [(name, value) for name, value in names.user_variables(namespace) if _is_module(value)]
    while stack:
        path, module = stack.pop(0)
        if id(module) in found:
            continue
        found[id(module)] = path
        children: Callable[[], Any] = dict(module.__dict__.get("_modules", {})).items
        stack.extend((f"{path}.{name}", child) for name, child in children() if _is_module(child))
    return found


def _is_module(value: object) -> bool:
    return issubclass(type(value), torch.nn.Module)
