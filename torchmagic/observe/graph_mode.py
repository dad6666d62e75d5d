"""The function mode under which a cell runs: it sees every call of torch's API and every backward pass."""

from __future__ import annotations

import sys
import weakref
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from types import CodeType, FrameType, FunctionType
from typing import Any

import torch
from torch.overrides import TorchFunctionMode

from torchmagic.observe import callers, graph_pass, names, values
from torchmagic.observe.graph_facts import Call
from torchmagic.observe.graph_story import Story
from torchmagic.observe.graph_walk import TensorFact, leaf_fact, version_of

_SKIP = (str(Path(torch.__file__).parent), str(Path(__file__).parents[1]), "<eval_with_key>")
_OWN_FILES = frozenset({__file__, str(Path(__file__).with_name("call_watch.py"))})
_MOST_CALLS = 30_000
_MOST_SITES = 4
_BACKWARD = frozenset({torch.Tensor.backward, torch.autograd.backward, torch.autograd.grad})


class WatchMode(TorchFunctionMode):
    """Keeps copies of small operands and results of each call, and the facts of the last backward passes.

    Attributes:
        calls: what was seen of calls whose graph may still be used, by sequence number.
        passes: the last backward pass of each line that ran one, oldest first.
        pass_count: how many backward passes ran.
        troubles: sentences on what could not be watched.
    """

    def __init__(self) -> None:
        super().__init__()
        self.calls: dict[int, Call] = {}
        self.passes: dict[tuple[str, int], graph_pass.Pass] = {}
        self.pass_count = 0
        self.troubles: list[str] = []
        self._last: weakref.ref[torch.Tensor] | None = None
        self._data: dict[int, TensorFact] = {}
        self.story = Story(self.calls)
        self._callers = callers.Callers()
        self._watch = graph_pass.PassWatch()
        self._highest = torch._C._autograd._get_sequence_nr() - 1

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        if torch.compiler.is_compiling() or torch._C._get_tracing_state() is not None:
            return func(*args, **kwargs)  # a compiler traces the cell: let it see the plain call
        is_python = type(func) is FunctionType
        frame = callers.caller(sys._getframe(1), is_python)
        call = self._callers.at(frame)
        if is_python and func in _BACKWARD:
            return self._backward(call, func, args, kwargs)
        try:
            out = call(func, args, kwargs)
        except Exception as error:
            with torch._C.DisableTorchFunction():
                self.story.call_failed(error, func, args, kwargs)
            raise
        try:
            with torch._C.DisableTorchFunction():
                self._saw(out, args, kwargs)
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

    def _saw(self, out: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> None:
        outputs: Sequence[Any] = out if isinstance(out, (tuple, list)) else (out,)
        call: Call | None = None
        first = self._highest + 1
        for tensor in outputs:
            if not isinstance(tensor, torch.Tensor) or not tensor.requires_grad or values.wrapped(tensor):
                continue
            node = tensor.grad_fn
            key = -1 if node is None else node._sequence_nr()
            if key < first:  # a leaf, or a tensor that was there before this call
                continue
            if call is None:
                operands = [*args, *kwargs.values()]
                self._name_operands(operands, sys._getframe(2))
                constants = tuple(values.constant_text(v) for v in operands if type(v) in (int, float))
                call = Call(first, data=self._operands(operands), constants=constants)
            reading = values.read_small(tensor)
            if reading is not None:
                call.values[tensor.output_nr] = reading
            self.calls[key] = call
            self._highest = max(self._highest, key)
            self._last = weakref.ref(tensor)
        if len(self.calls) > _MOST_CALLS:
            for old in list(self.calls)[: _MOST_CALLS // 2]:
                del self.calls[old]

    def _name_operands(self, operands: Sequence[Any], frame: FrameType | None) -> None:
        """Remember which variables hold the operands now: they may be bound anew later."""
        unnamed: dict[int, tuple[Call, int]] = {}
        for tensor in operands:
            if isinstance(tensor, torch.Tensor) and tensor.requires_grad and tensor.grad_fn is not None:
                call = self.calls.get(tensor.grad_fn._sequence_nr())
                if call is not None and tensor.output_nr not in call.names:
                    unnamed[id(tensor)] = (call, tensor.output_nr)
        if not unnamed:
            return
        for name, value in names.nearest_variables(frame, _SKIP):
            if id(value) in unnamed:
                call, output = unnamed[id(value)]
                call.names.setdefault(output, name)

    def _operands(self, operands: Iterable[Any]) -> list[TensorFact]:
        found: list[TensorFact] = []
        for operand in operands:
            items = operand if isinstance(operand, (tuple, list)) else (operand,)
            found.extend(
                self._data_fact(item) for item in items if isinstance(item, torch.Tensor) and not item.requires_grad
            )
        return found

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
        graph, seen = None, None
        handles: list[Any] = []
        try:
            with torch._C.DisableTorchFunction():
                given = args[0] if args else kwargs.get("outputs", kwargs.get("tensors"))
                roots = [tensor for tensor in graph_pass.tensors(given) if tensor.requires_grad]
                if roots and not any(values.wrapped(root) for root in roots):  # torch.func draws no graph
                    graph, seen = self._watch.before(roots, sys._getframe(2), _SKIP, self.calls)
                    graph_pass.install(graph, handles, self._trouble)
                self.story.pass_begins(graph, given, func, kwargs, sys._getframe(2))
        except Exception as error:
            self._trouble(error)
        try:
            out = call(func, args, kwargs)
        except BaseException as error:
            if seen is not None:
                text = str(error).partition("\n")[0].partition(". ")[0].removesuffix(".")
                seen.error = ": ".join(filter(None, (type(error).__name__, text[:160])))
            with torch._C.DisableTorchFunction():
                done = [(each.skeleton, each.site) for each in self.passes.values()]
                self.story.pass_failed(error, graph, done, sys._getframe(2))
            raise
        finally:
            for handle in handles:
                handle.remove()
            if seen is not None:
                self._after(seen, kwargs)
                self.story.pass_ended(graph)
        if graph is not None and func is torch.autograd.grad:
            try:
                with torch._C.DisableTorchFunction():
                    graph_pass.put_results(graph, args[1] if len(args) > 1 else kwargs.get("inputs"), out)
            except Exception as error:
                self._trouble(error)
        return out

    def _after(self, seen: graph_pass.Pass, kwargs: Mapping[str, Any]) -> None:
        self.pass_count += 1
        self.passes.pop(seen.site, None)
        self.passes[seen.site] = seen
        if len(self.passes) > _MOST_SITES:
            del self.passes[next(iter(self.passes))]
        if not (kwargs.get("retain_graph") or kwargs.get("create_graph")):
            for op in seen.skeleton.ops:  # this graph is freed: what was seen of its calls is in the pass
                self.calls.pop(op.key, None)


def is_own(code: CodeType) -> bool:
    """Whether a frame with this code is a watch's and not the user's."""
    return code.co_filename in _OWN_FILES or callers.is_call(code)
