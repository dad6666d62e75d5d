"""The function mode under which a cell runs: it sees every call of torch's API and every backward pass."""

from __future__ import annotations

import sys
import weakref
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import CodeType, FrameType, FunctionType, MethodDescriptorType, MethodWrapperType
from typing import Any

import torch
from torch.overrides import TorchFunctionMode

from torchmagic.observe import callers, graph_pass, graph_unannounced, names, values
from torchmagic.observe.graph_facts import Call
from torchmagic.observe.graph_modules import LIBRARIES, Places
from torchmagic.observe.graph_story import Story
from torchmagic.observe.graph_walk import TensorFact, Walk, leaf_fact, version_of
from torchmagic.observe.quick_records import uncollected

_OWN = str(Path(__file__).parent)
_MOST_CALLS = 30_000
_MOST_RECENT = 5_000
_MOST_SITES = 4
_BACKWARD = frozenset({torch.Tensor.backward, torch.autograd.backward, torch.autograd.grad})

DESCRIPTORS = frozenset({MethodWrapperType, MethodDescriptorType})
FACTS = frozenset(
    {
        *(getattr(torch.Tensor, name) for name in ("dim", "is_complex", "is_floating_point", "numel", "size")),
        *(
            getattr(torch.Tensor, name).__get__
            for name in ("device", "dtype", "is_cpu", "is_cuda", "is_leaf", "is_meta", "is_nested", "is_sparse")
        ),
        *(getattr(torch.Tensor, name).__get__ for name in ("layout", "ndim", "requires_grad", "shape")),
    }
)
"""What only tells a fact of a tensor: no graph, no warning. A training step asks for dozens."""

_sequence = torch._C._autograd._get_sequence_nr
_is_compiling = torch.compiler.is_compiling
_tracing = torch._C._get_tracing_state
_without_modes = torch._C.DisableTorchFunction
_is_wrapped = torch._C._functorch.is_functorch_wrapped_tensor
_Tensor = torch.Tensor
_DATA = torch.Tensor.data
_FIRST_CALLS = graph_unannounced.FIRST_CALLS


class WatchMode(TorchFunctionMode):
    """Keeps copies of small operands and results of each call, and the facts of the last backward passes.

    Attributes:
        calls: what was seen of calls whose graph may still be used, by the last sequence number of their nodes; a
            later call has a higher one.
        passes: the last backward pass of each line that ran one, oldest first.
        pass_count: how many backward passes ran.
        troubles: sentences on what could not be watched.
        look: given each graph before its backward pass frees it.
    """

    def __init__(self, look: Callable[[Walk], None] | None = None) -> None:
        super().__init__()
        self.look = look
        self.calls: dict[int, Call] = {}
        self.passes: dict[tuple[str, int], graph_pass.Pass] = {}
        self.pass_count = 0
        self.troubles: list[str] = []
        self._last: weakref.ref[torch.Tensor] | None = None
        self._data: dict[int, TensorFact] = {}
        self.story = Story(self.calls)
        self._unnamed: dict[int, weakref.ref[torch.Tensor]] = {}  # results that no variable was seen to hold
        self._callers = callers.Callers()
        self._places = Places()
        self._watch = graph_pass.PassWatch()
        self._highest = _sequence()
        self._unannounced: _Unannounced | None = None

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        if kwargs is None:
            kwargs = {}
        if _is_compiling() or _tracing() is not None:
            return func(*args, **kwargs)  # a compiler traces the cell: let it see the plain call
        if type(func) in DESCRIPTORS and func in FACTS:
            if func in _FIRST_CALLS:
                self._backward_unannounced(graph_unannounced.begun(sys._getframe(1)))
            return func(*args, **kwargs)
        is_python = type(func) is FunctionType
        frame = callers.caller(sys._getframe(1), is_python)
        call = self._callers.at(frame)
        if is_python and func in _BACKWARD:
            return self._backward(call, func, args, kwargs)
        before = _sequence()
        if before != self._highest:
            self._unseen(before, frame)
        try:
            out = call(func, args, kwargs)
        except Exception as error:
            self._told(self.story.call_failed, error, func, args, kwargs)
            raise
        after = _sequence()
        try:
            if after != before:  # autograd has nodes of this call
                self._highest = after
                with _without_modes():
                    self._saw(before, after, out, args, kwargs, frame)
            if type(func) is not MethodWrapperType or func.__self__ is _DATA:
                self.story.saw(func, args, kwargs, out, frame)
        except Exception as error:  # ours, not the user's: the cell goes on and the picture says so
            self._trouble(error)
        return out

    def leave(self) -> None:
        """Take this mode off the stack."""
        callers.leave(self)

    def last(self) -> torch.Tensor | None:
        """The result of the last call that has a graph, while the user still holds it."""
        return None if self._last is None else self._last()

    def _trouble(self, error: Exception) -> None:
        text = str(error).partition("\n")[0]
        note = f"Part of the cell could not be watched ({type(error).__name__}: {text})."
        if note not in self.troubles and len(self.troubles) < 3:
            self.troubles.append(note)

    def _unseen(self, before: int, frame: FrameType | None) -> None:
        """Nodes appeared between two calls, as of a custom Function: they belong to where the cell is now."""
        try:
            inner = frame
            for _ in range(6):  # inside the forward of a custom Function: the call was made by what called that
                if inner is None:
                    break
                if inner.f_code.co_varnames[:1] == ("ctx",):
                    frame = inner.f_back
                    break
                inner = inner.f_back
            self.calls[before - 1] = Call(self._highest, before - 1, self._places.at(frame), seen=False)
        except Exception as error:
            self._trouble(error)
        self._highest = before

    def _saw(
        self,
        before: int,
        after: int,
        out: Any,
        args: tuple[Any, ...],
        kwargs: Mapping[str, Any],
        frame: FrameType | None,
    ) -> None:
        call = Call(before, after - 1, self._places.at(frame))
        self._operands(call, (*args, *kwargs.values()) if kwargs else args, frame)
        self.calls[after - 1] = call
        for tensor in out if isinstance(out, (tuple, list)) else (out,):
            if isinstance(tensor, _Tensor) and tensor.requires_grad and not _is_wrapped(tensor):
                self._last = reference = weakref.ref(tensor)
                self._unnamed[id(tensor)] = reference
                if tensor.numel() <= values.SMALL:
                    self._keep_value(call, tensor)
        if len(self._unnamed) > _MOST_RECENT:
            self._unnamed.clear()
        if len(self.calls) > _MOST_CALLS:
            for old in list(self.calls)[: _MOST_CALLS // 2]:
                del self.calls[old]

    def _keep_value(self, call: Call, tensor: torch.Tensor) -> None:
        reading = values.read_small(tensor)
        node = tensor.grad_fn
        if reading is None or node is None:
            return
        key = node._sequence_nr()
        if key < call.first:  # it was there before this call
            return
        if key > call.last:  # a view that was changed in place gets its node only when it is asked for
            self.calls[key] = Call(call.last + 1, key, call.place, seen=False)
            self._highest = key + 1
        call.keep_value(key, tensor.output_nr, reading)

    def _operands(self, call: Call, operands: tuple[Any, ...], frame: FrameType | None) -> None:
        """Keep the operands that take no gradient; remember which variables hold the others now."""
        unnamed: dict[int, torch.Tensor] | None = None
        for operand in operands:
            if isinstance(operand, _Tensor):
                if not operand.requires_grad:
                    call.data = (*call.data, self._data_fact(operand))
                elif id(operand) in self._unnamed and self._unnamed[id(operand)]() is operand:
                    unnamed = unnamed or {}
                    unnamed[id(operand)] = operand
            elif type(operand) in (tuple, list):
                found = [item for item in operand if isinstance(item, _Tensor) and not item.requires_grad]
                call.data = (*call.data, *map(self._data_fact, found))
            elif type(operand) in (int, float):
                call.constants = (*call.constants, operand)
        if unnamed is None:
            return
        for name, value in names.nearest_variables(frame, LIBRARIES):
            tensor = unnamed.get(id(value))
            if tensor is not None and tensor.grad_fn is not None:  # they may be bound anew later
                del unnamed[id(value)], self._unnamed[id(value)]
                key = tensor.grad_fn._sequence_nr()
                call = self.calls.get(key)  # type: ignore[assignment]
                if call is not None:
                    call.keep_name(key, tensor.output_nr, name)

    def _data_fact(self, tensor: torch.Tensor) -> TensorFact:
        known = self._data.get(id(tensor))
        if known is not None and known.alive() is tensor and known.version == version_of(tensor):
            return known
        if len(self._data) > _MOST_CALLS:
            self._data.clear()
        fact = self._data[id(tensor)] = leaf_fact(tensor, "data")
        return fact

    def _backward(
        self, call: Callable[..., Any], func: Callable[..., Any], args: tuple[Any, ...], kwargs: Mapping[str, Any]
    ) -> Any:
        given = args[0] if args else kwargs.get("outputs", kwargs.get("tensors"))
        watching = self._begin(given, func, kwargs, sys._getframe(2))
        if watching is None:
            try:
                return call(func, args, kwargs)
            except Exception as error:
                self._told(self.story.pass_failed, error, None, (), (func, args, kwargs), sys._getframe(2))
                raise
        before = _sequence()
        try:
            out = call(func, args, kwargs)
        except BaseException as error:
            self._failed(watching, error, (func, args, kwargs), sys._getframe(2))
            raise
        finally:
            self._end(watching, before, kwargs)
        if func is torch.autograd.grad:
            try:
                with _without_modes():
                    asked = args[1] if len(args) > 1 else kwargs.get("inputs")
                    watching.put_results(asked, out)
                    self.story.gave(asked, out, kwargs, sys._getframe(2))
            except Exception as error:
                self._trouble(error)
        return out

    def _begin(
        self, given: Any, func: Callable[..., Any], kwargs: Mapping[str, Any], user: FrameType | None
    ) -> graph_pass.LivePass | None:
        """Watch the pass that is about to begin at ``given``; None where there is nothing to watch."""
        watching: graph_pass.LivePass | None = None
        try:
            with _without_modes(), uncollected():
                roots = [tensor for tensor in graph_pass.tensors(given) if tensor.requires_grad]
                if roots and not any(values.wrapped(root) for root in roots):  # torch.func draws no graph
                    watching = self._watch.before(roots, user, self.calls, self._trouble)
                    if self.look is not None:
                        self.look(watching.graph)
                    watching.install(accumulates=func is not torch.autograd.grad)
                self.story.pass_begins(None if watching is None else watching.graph, given, func, kwargs, user)
        except Exception as error:
            self._trouble(error)
        return watching

    def _failed(
        self,
        watching: graph_pass.LivePass,
        error: BaseException,
        call: tuple[Any, tuple[Any, ...], Mapping[str, Any]],
        user: FrameType | None,
    ) -> None:
        text = str(error).partition("\n")[0].partition(". ")[0].removesuffix(".")
        watching.seen.error = ": ".join(filter(None, (type(error).__name__, text[:160])))
        done = [(each.skeleton, each.site) for each in self.passes.values()]
        self._told(self.story.pass_failed, error, watching.graph, done, call, user)

    def _end(self, watching: graph_pass.LivePass, before: int, kwargs: Mapping[str, Any]) -> None:
        with _without_modes(), uncollected():
            watching.finish()
        self._after(watching, before, kwargs)
        self._told(self.story.pass_ended, watching.graph)

    def _backward_unannounced(self, begun: graph_unannounced.Begun | None) -> None:
        """A pass that only its first call tells of begins now, or was known already by another root's."""
        known = self._unannounced
        if begun is None or (known is not None and known.begun.roots is begun.roots):
            return
        self.stop_unannounced(None)
        watching = self._begin(begun.roots, torch.autograd.backward, begun.options, begun.frame)
        if watching is None:
            return
        self._unannounced = _Unannounced(begun, watching, _sequence())
        try:
            with _without_modes():
                watching.at_end(self._unannounced_ended)
        except Exception as error:
            self._trouble(error)

    def _unannounced_ended(self) -> None:
        known, self._unannounced = self._unannounced, None
        if known is not None:
            self._end(known.watching, known.before, known.begun.options)

    def stop_unannounced(self, error: BaseException | None) -> None:
        """A pass that began and did not end has raised: this error, where it ended the cell."""
        known = self._unannounced
        if known is None:
            return
        failed = RuntimeError("an error that the cell caught") if error is None else error
        call = (torch.autograd.backward, (known.begun.roots,), known.begun.options)
        self._failed(known.watching, failed, call, known.begun.frame)
        self._unannounced_ended()

    def _told(self, tell: Callable[..., None], *facts: Any) -> None:
        """Tell the story something; an error of ours is not the user's."""
        try:
            with _without_modes():
                tell(*facts)
        except Exception as error:
            self._trouble(error)

    def _after(self, watching: graph_pass.LivePass, before: int, kwargs: Mapping[str, Any]) -> None:
        seen = watching.seen
        self.pass_count += 1
        self.passes.pop(seen.site, None)
        self.passes[seen.site] = seen
        if len(self.passes) > _MOST_SITES:
            del self.passes[next(iter(self.passes))]
        if not (kwargs.get("retain_graph") or kwargs.get("create_graph")):
            for op in seen.skeleton.ops:  # this graph is freed: what was seen of its calls is in the pass
                if op.call is not None:
                    self.calls.pop(op.call.last, None)
        self._highest = _sequence()
        if kwargs.get("create_graph") and self._highest > before:
            order = 1 + max((op.call.order for op in seen.skeleton.ops if op.call is not None), default=0)
            last = self._highest - 1
            self.calls[last] = Call(before, last, seen=False, order=order)


@dataclass(frozen=True, slots=True)
class _Unannounced:
    """A pass that runs unannounced, what watches it, and the sequence number before it."""

    begun: graph_unannounced.Begun
    watching: graph_pass.LivePass
    before: int


def is_own(code: CodeType) -> bool:
    """Whether a frame with this code is a watch's and not the user's."""
    return code.co_filename.startswith(_OWN) or callers.is_call(code)
