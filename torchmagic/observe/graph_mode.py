"""The function mode under which a cell runs: it sees every call of torch's API and every backward pass."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import CodeType, FrameType, FunctionType, MethodDescriptorType, MethodWrapperType
from typing import Any

import torch
from torch.overrides import TorchFunctionMode

from torchmagic.observe import callers, graph_pass, graph_unannounced, values
from torchmagic.observe.graph_calls import SeenCalls, sequence
from torchmagic.observe.graph_story import Story
from torchmagic.observe.graph_walk import Walk
from torchmagic.observe.quick_records import uncollected

_OWN = str(Path(__file__).parent)
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

_is_compiling = torch.compiler.is_compiling
_tracing = torch._C._get_tracing_state
_without_modes = torch._C.DisableTorchFunction
_DATA = torch.Tensor.data
_FIRST_CALLS = graph_unannounced.FIRST_CALLS


class WatchMode(TorchFunctionMode):
    """Keeps what was seen of each call, and the facts of the last backward passes.

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
        self._seen = SeenCalls()
        self.calls = self._seen.calls
        self.passes: dict[tuple[str, int], graph_pass.Pass] = {}
        self.pass_count = 0
        self.troubles: list[str] = []
        self.story = Story(self.calls)
        self._callers = callers.Callers()
        self._watch = graph_pass.PassWatch()
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
        before = sequence()
        if before != self._seen.highest:
            self._unseen(before, frame)
        try:
            out = call(func, args, kwargs)
        except Exception as error:
            self._told(self.story.call_failed, error, func, args, kwargs)
            raise
        after = sequence()
        try:
            if after != before:  # autograd has nodes of this call
                with _without_modes():
                    self._seen.saw(before, after, out, args, kwargs, frame)
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
        return self._seen.last()

    def _trouble(self, error: Exception) -> None:
        text = str(error).partition("\n")[0]
        note = f"Part of the cell could not be watched ({type(error).__name__}: {text})."
        if note not in self.troubles and len(self.troubles) < 3:
            self.troubles.append(note)

    def _unseen(self, before: int, frame: FrameType | None) -> None:
        try:
            self._seen.unseen(before, frame)
        except Exception as error:
            self._trouble(error)

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
        before = sequence()
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
        self._unannounced = _Unannounced(begun, watching, sequence())
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
        derives = bool(kwargs.get("create_graph"))
        frees = not (kwargs.get("retain_graph") or derives)
        self._seen.after_pass(before, seen.skeleton, frees=frees, derives=derives)


@dataclass(frozen=True, slots=True)
class _Unannounced:
    """A pass that runs unannounced, what watches it, and the sequence number before it."""

    begun: graph_unannounced.Begun
    watching: graph_pass.LivePass
    before: int


def is_own(code: CodeType) -> bool:
    """Whether a frame with this code is a watch's and not the user's."""
    return code.co_filename.startswith(_OWN) or callers.is_call(code)
