"""A light function mode that notes a cell's unusual calls, and ends where it would cost too much.

It keeps shapes, dtypes and places in the code, and no tensor. A loop of thousands of small operations would be slowed
by looking at each: after a fixed time, or a small share of the cell's own, the mode takes itself away.
"""

from __future__ import annotations

import math
import sys
import sysconfig
import weakref
from collections.abc import Mapping
from pathlib import Path
from time import perf_counter
from types import CodeType, FrameType, FunctionType, MethodWrapperType
from typing import Any

import torch
from torch.overrides import TorchFunctionMode

from torchmagic.observe import callers
from torchmagic.observe.events import Event, Operand, Place
from torchmagic.observe.failed_calls import failed_call
from torchmagic.observe.recorded import FailedCall, Recorded
from torchmagic.observe.values import wrapped

_LIBRARIES = [sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")]
_SKIP = (str(Path(torch.__file__).parent), str(Path(__file__).parents[1]), "<frozen", "<eval_with_key>", *_LIBRARIES)
_PLAIN = frozenset({torch.Tensor, torch.nn.Parameter})
_DATA = torch.Tensor.data
_ELEMENTWISE = frozenset(
    {
        *("add", "sub", "mul", "div", "true_divide", "divide", "multiply", "subtract", "rsub", "__rsub__", "__rdiv__"),
        *("__rpow__", "__rtruediv__", "maximum", "minimum", "fmod", "remainder", "atan2", "where", "logical_and"),
        *("logical_or", "eq", "ne", "lt", "le", "gt", "ge", "__eq__", "__ne__", "pow"),
    }
)
_LOSSES = frozenset({"mse_loss", "l1_loss", "smooth_l1_loss", "huber_loss"})
_CUTS = frozenset({"detach", "item", "tolist", "numpy", "tensor", "as_tensor"})
_FILLS = frozenset({"masked_fill", "masked_fill_", "where", "fill_", "full_like", "__setitem__"})
_CARRIES = frozenset(
    {
        *("float", "double", "half", "bfloat16", "to", "type", "clone", "contiguous", "detach", "cpu", "__get__"),
        *("view", "reshape", "flatten", "permute", "transpose", "t", "squeeze", "unsqueeze", "expand", "__getitem__"),
        *("cat", "stack", "as_tensor", "tensor", "requires_grad_", "index_select", "narrow", "chunk", "split"),
    }
)
_OPERATORS = frozenset({"__iand__", "__ior__", "__ixor__", "__ilshift__", "__irshift__", "__ifloordiv__", "__ipow__"})
_NO_ELEMENTS = frozenset(
    {
        *("requires_grad_", "detach_", "squeeze_", "unsqueeze_", "t_", "transpose_", "swapaxes_", "swapdims_"),
        *("resize_", "share_memory_", "as_strided_", "rename_", "retain_grad_"),
    }
)
_MOST_EVENTS = 60
_LOOKS = 3
_SMALL = 4096
_LARGE = 1_000_000
_CALLS = 400
"""So many calls are always looked at, however busy the computer is."""
_FREE = 0.004
_SHARE = 0.12
_UNSEEN = 1.2e-6
"""Seconds that torch itself takes to come to a mode."""


class CallWatch(TorchFunctionMode):
    """The mode.

    Attributes:
        events: what was seen, in its order.
        ended: whether it took itself away before the cell's end.
    """

    def __init__(self) -> None:
        super().__init__()
        self.events: list[Event] = []
        self.ended = False
        self._callers = callers.Callers()
        self._seen: dict[tuple[CodeType, int], int] = {}
        self._found: set[tuple[str, CodeType, int]] = set()
        self._failure: tuple[int, FailedCall | None] = (0, None)
        self._nonfinite = False
        self._spent = 0.0
        self._calls = 0
        self._begun = perf_counter()

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        if torch.compiler.is_compiling() or torch._C._get_tracing_state() is not None:
            return func(*args, **kwargs)  # a compiler traces the cell: let it see the plain call
        if self.ended or (type(func) is MethodWrapperType and func.__self__ is not _DATA):
            return func(*args, **kwargs)
        start = perf_counter()
        is_python = type(func) is FunctionType
        frame = callers.caller(sys._getframe(1), is_python)
        call = self._callers.at(frame)
        before = perf_counter()
        try:
            out = call(func, args, kwargs)
        except Exception as error:
            self._failed(error, func, args, kwargs, frame)
            raise
        after = perf_counter()
        try:
            with torch._C.DisableTorchFunction():
                self._look(func, args, kwargs, out, frame)
        except Exception:  # ours, not the user's: the cell goes on, and has a note less
            self.ended = True
        now = perf_counter()
        self._spent += now - after + before - start + _UNSEEN
        self._calls += 1
        if self._calls > _CALLS and self._spent > _FREE and self._spent > _SHARE * (now - self._begun):
            self.ended = True
        if self.ended:
            callers.leave_soon(self)
        return out

    def _look(
        self, func: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any], out: Any, frame: FrameType | None
    ) -> None:
        if frame is None or torch._C._len_torch_dispatch_stack():  # a mode of the user's would see the reading
            return
        key = (frame.f_code, frame.f_lasti)
        count = self._seen[key] = self._seen.get(key, 0) + 1
        plain = [arg for arg in args if type(arg) in _PLAIN]
        if count <= _LOOKS:
            self._look_closely(func, args, kwargs, out, plain, frame)
        if not self._nonfinite and type(out) in _PLAIN:
            self._look_for_nan(func, args, plain, out, frame, count)

    def _look_closely(
        self,
        func: Any,
        args: tuple[Any, ...],
        kwargs: Mapping[str, Any],
        out: Any,
        plain: list[torch.Tensor],
        frame: FrameType,
    ) -> None:
        name = getattr(func, "__name__", "")
        cut = any(arg.requires_grad for arg in plain) and not (type(out) in _PLAIN and out.requires_grad)
        if cut and name != "__setitem__" and not name.startswith("is_"):
            self._cut(name, out, plain, frame)
        if name == "__setitem__":
            self._look_at_assignment(args, frame)
        elif _changes(name) and plain and args[0] is plain[0]:
            self._look_at_view(name, plain[0], frame)
        if name in _LOSSES:
            plain += [kwargs[key] for key in ("input", "target") if type(kwargs.get(key)) in _PLAIN]
        if len(plain) < 2 or type(out) not in _PLAIN:
            return
        one, other = plain[0], plain[1]
        if name in _ELEMENTWISE:
            if one.shape != other.shape and name not in ("pow", "__rpow__"):  # powers 0 to n of a column are ordinary
                self._look_at_shapes(name, one, other, out, frame)
            types = {one.dtype, other.dtype}
            if types == {torch.float32, torch.float64} and one.dim() and other.dim():
                self._note("promotion", name, frame, plain, out)
        elif name in _LOSSES and one.shape != other.shape:
            self._note("broadcast", name, frame, plain, None, str(torch.broadcast_shapes(one.shape, other.shape)))

    def _look_at_shapes(
        self, name: str, one: torch.Tensor, other: torch.Tensor, out: torch.Tensor, frame: FrameType
    ) -> None:
        if out.shape != one.shape and out.shape != other.shape:
            if one.dim() != other.dim():
                self._note("broadcast", name, frame, [one, other], out)
        elif (
            {one.dim(), other.dim()} == {1, 2} and out.shape[0] == out.shape[1] and min(one.numel(), other.numel()) > 1
        ):
            self._note("square", name, frame, [one, other], out)

    def _look_at_assignment(self, args: tuple[Any, ...], frame: FrameType) -> None:
        target, value = args[0], args[-1]
        if type(target) not in _PLAIN:
            return
        integer = not (target.is_floating_point() or target.is_complex() or target.dtype is torch.bool)
        if integer and type(value) is float and math.isfinite(value) and value != int(value):
            self._note("truncated", "__setitem__", frame, [target], None, repr(value))
        self._look_at_view("__setitem__", target, frame)

    def _look_at_view(self, name: str, target: torch.Tensor, frame: FrameType) -> None:
        if target._is_view() and not target.requires_grad:
            base = target._base
            self._note("view", name, frame, [target], None, base=None if base is None else weakref.ref(base))

    def _cut(self, name: str, out: Any, plain: list[torch.Tensor], frame: FrameType) -> None:
        if name == "__get__":
            how = "data"
        elif name in _CUTS:
            how = name
        elif type(out) not in _PLAIN:
            return
        elif not out.is_floating_point():
            how = "integer"
        else:
            how = "no_grad" if not torch.is_grad_enabled() else name
        self._note("cut", name, frame, plain, out if type(out) in _PLAIN else None, how)

    def _look_for_nan(
        self,
        func: Any,
        args: tuple[Any, ...],
        plain: list[torch.Tensor],
        out: torch.Tensor,
        frame: FrameType,
        count: int,
    ) -> None:
        if not out.is_floating_point() or (out.numel() > _SMALL and (count > _LOOKS or out.numel() > _LARGE)):
            return
        if not plain or out.device.type != "cpu" or finite(out):
            return
        name = getattr(func, "__name__", "")
        operands = tuple(_operand(arg, look=True) for arg in plain)
        came_in = any(operand.finite is False for operand in operands)
        infinite = not bool(torch.isnan(out.detach()).any())
        if infinite and (came_in or name in _FILLS or any(type(arg) is float and math.isinf(arg) for arg in args)):
            return  # an infinity that was put there on purpose
        if came_in and name in _CARRIES:
            return  # it was there before, and nothing was computed from it yet
        self._nonfinite = not infinite
        self._note("nonfinite", name, frame, [], out, "inf" if infinite else "NaN", operands=operands)

    def recorded(self, error: BaseException) -> Recorded:
        """What is known of the call that raised the error."""
        return Recorded(call=self._failure[1]) if self._failure[0] == id(error) else Recorded()

    def _failed(
        self, error: Exception, func: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any], frame: FrameType | None
    ) -> None:
        try:
            with torch._C.DisableTorchFunction():
                self._failure = (id(error), failed_call(func, args, kwargs))
                given = [arg for arg in (*args, *kwargs.values()) if type(arg) in _PLAIN]
                self._note("failed", getattr(func, "__name__", ""), frame, given, None)
        except Exception:
            self.ended = True

    def _note(
        self,
        kind: str,
        name: str,
        frame: FrameType | None,
        tensors: list[torch.Tensor],
        out: torch.Tensor | None,
        text: str = "",
        base: weakref.ref[torch.Tensor] | None = None,
        operands: tuple[Operand, ...] | None = None,
    ) -> None:
        user = _users_frame(frame)
        if user is None or len(self.events) >= _MOST_EVENTS:
            return
        found = (kind + text, user.f_code, user.f_lasti)
        if found in self._found and kind != "failed":
            return
        self._found.add(found)
        place = Place(user.f_code, user.f_lasti, user.f_lineno)
        if operands is None:
            operands = tuple(_operand(tensor) for tensor in tensors)
        result = None if out is None else _operand(out)
        self.events.append(Event(kind, place, name, user is frame, operands, result, text, base))


def _changes(name: str) -> bool:
    """Whether a method of that name changes the elements of its tensor."""
    if name.endswith("__"):
        return name in _OPERATORS
    return name.endswith("_") and name not in _NO_ELEMENTS


def finite(tensor: torch.Tensor) -> bool:
    """Whether all elements are finite; a kind that cannot be read counts as finite.

    >>> finite(torch.tensor([1.0, float("nan")])), finite(torch.ones(0))
    (False, True)
    """
    if tensor.layout is not torch.strided or wrapped(tensor) or tensor.device.type == "meta":
        return True
    plain = tensor.detach()
    if math.isfinite(plain.sum().item()):  # a NaN or an infinity stays one in a sum
        return True
    return bool(torch.isfinite(plain).all())


def _users_frame(frame: FrameType | None) -> FrameType | None:
    while frame is not None and frame.f_code.co_filename.startswith(_SKIP):
        frame = frame.f_back
    return frame


def _operand(tensor: torch.Tensor, look: bool = False) -> Operand:
    known = finite(tensor) if look and tensor.is_floating_point() and tensor.device.type == "cpu" else None
    dtype = str(tensor.dtype).removeprefix("torch.")
    shape = tuple(size if type(size) is int else -1 for size in tensor.shape)
    return Operand(shape, dtype, str(tensor.device), tensor.requires_grad, known)
