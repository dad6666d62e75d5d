"""A tape of the torch calls that lead to a backward pass, so that they can be computed again: only for ``--check``.

Only torch's own functions are kept, never the user's, with copies of what went in from outside: leaves and tensors
that take no gradient. What was computed in between is neither copied nor held.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import FrameType, FunctionType
from typing import Any

import torch
from torch.overrides import TorchFunctionMode

from torchmagic.observe import callers, graph_tape_pass
from torchmagic.observe.graph_forward import memory_of, places
from torchmagic.observe.graph_tape_functions import function_around
from torchmagic.observe.graph_tape_pass import TapedPass
from torchmagic.observe.graph_tape_slots import Slots
from torchmagic.observe.graph_tape_values import (
    Group,
    Refused,
    Slot,
    TapedCall,
    complete,
    flat,
    held_bytes,
    is_torchs,
    random_state,
    slice_of,
    template,
)
from torchmagic.observe.graph_walk import version_of
from torchmagic.observe.values import wrapped

_SKIP = (str(Path(torch.__file__).parent), str(Path(__file__).parents[1]), "<eval_with_key>", "<frozen")
_BACKWARD = frozenset({torch.Tensor.backward, torch.autograd.backward, torch.autograd.grad})
_TO_PYTHON = frozenset({"item", "tolist", "numpy", "__array__", "__float__", "__int__", "__bool__"})
_MODE = "a TorchDispatchMode of yours was active"
_MOST_CALLS = 20_000
_MOST_BYTES = 256 * 2**20
_MOST_PASSES = 3


@dataclass(slots=True)
class _Pending:
    """A call that is about to run."""

    call: TapedCall
    given: list[torch.Tensor]
    versions: list[int]
    state: tuple[Any, ...]


class TapeMode(TorchFunctionMode):
    """The mode.

    Attributes:
        passes: the last backward pass of each line that ran one.
        trouble: why nothing more was kept, or "".

    >>> with TapeMode() as tape:
    ...     w = torch.tensor(3.0, requires_grad=True)
    ...     (w * w).exp().backward()
    >>> [[call.func.__name__ for call in each.calls] for each in tape.passes.values()]
    [['mul', 'exp']]
    """

    def __init__(self) -> None:
        super().__init__()
        self.passes: dict[tuple[str, int], TapedPass] = {}
        self.trouble = ""
        self._callers = callers.Callers()
        self._calls: list[TapedCall] = []
        self._slots = Slots()
        self._unsafe: set[str] = set()  # custom functions whose forward leaves torch

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        if torch.compiler.is_compiling() or torch._C._get_tracing_state() is not None:
            return func(*args, **kwargs)  # a compiler traces the cell: let it see the plain call
        is_python = type(func) is FunctionType
        frame = callers.caller(sys._getframe(1), is_python)
        call = self._callers.at(frame)
        if self.trouble:
            return call(func, args, kwargs)
        if is_python and func in _BACKWARD:
            return self._backward(call, func, args, kwargs, frame)
        pending: _Pending | str | None = None
        try:
            with torch._C.DisableTorchFunction():
                pending = self._before(func, args, kwargs, frame)
        except Exception as error:  # ours, not the user's: the cell goes on
            self._give_up(error)
        out = call(func, args, kwargs)
        if pending is not None:
            try:
                with torch._C.DisableTorchFunction():
                    self._after(pending, out)
            except Exception as error:
                self._give_up(error)
        return out

    def leave(self) -> None:
        """Take this mode off the stack, and keep only what the passes need."""
        callers.leave(self)
        self._calls.clear()
        self._slots.clear()

    def _give_up(self, error: Exception) -> None:
        self.trouble = f"the cell could not be followed ({type(error).__name__})"
        self._calls.clear()

    # -- one call ---------------------------------------------------------------------------------------

    def _before(
        self, func: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any], frame: FrameType | None
    ) -> _Pending | str | None:
        """What to keep of a call; why it cannot be kept; None where it has nothing to do with gradients."""
        given = list(flat([*args, *kwargs.values()]))
        if torch._C._len_torch_dispatch_stack():
            return _MODE  # copying would be seen by it
        if torch.is_grad_enabled():
            inside = ""
            if not any(tensor.requires_grad for tensor in given):
                return None
        else:
            if not any(tensor.requires_grad or self._slots.known(tensor) is not None for tensor in given):
                return None
            inside = function_around(frame)
            if not inside:
                return None
            if getattr(func, "__name__", "") in _TO_PYTHON:
                self._unsafe.add(inside)
                return None
        if getattr(func, "__self__", None) is torch.Tensor.data:
            for tensor in given:  # what is done to it there leaves no trace: it is copied anew
                self._slots.forget_copy(tensor)
            return None
        if any(wrapped(tensor) for tensor in given):
            return "it was computed inside a transform of torch.func"
        if not is_torchs(func):
            name = str(func) if type(func).__module__ == "torch._ops" else getattr(func, "__name__", "a function")
            return f"{name} is not torch's own, and is not run a second time"
        call = TapedCall(func, (), {}, [], inside=inside)

        def slot_of(tensor: torch.Tensor) -> Slot:
            slot = self._slots.of(tensor)
            call.slots.append(slot)
            return slot

        try:
            call.args, call.kwargs = template(tuple(args), slot_of), template(dict(kwargs), slot_of)
        except Refused as refusal:
            return str(refusal)
        return _Pending(call, given, [version_of(t) for t in given], random_state({t.device for t in given}))

    def _after(self, pending: _Pending | str, out: Any) -> None:
        results = list(flat([out]))
        if isinstance(pending, str):
            for tensor in results:
                if tensor.requires_grad and tensor.grad_fn is not None:
                    self._slots.put(tensor, None, pending)
            return
        call = pending.call
        after = random_state({tensor.device for tensor in pending.given})
        if any(not torch.equal(one, other) for one, other in zip(pending.state, after, strict=True)):
            call.random = pending.state
        memory: dict[int, Group] = {}
        for tensor, version, slot in zip(pending.given, pending.versions, call.slots, strict=True):
            memory.setdefault(memory_of(tensor), slot.group)
            if version_of(tensor) != version:
                slot.changed = True
                slot.group.version = version_of(tensor)
                call.writes.add(slot.group)
                if tensor.requires_grad and tensor.grad_fn is not None:
                    self._slots.put(tensor, slot)
        for number, tensor in enumerate(results):
            if not (call.inside or (tensor.requires_grad and tensor.grad_fn is not None)):
                continue
            known = self._slots.known(tensor)
            if known is None:
                group = memory.get(memory_of(tensor)) or Group(version_of(tensor))
                known = Slot(group)
                self._slots.put(tensor, known)
            call.outputs[number] = known
            if tensor.is_floating_point() or tensor.is_complex():
                call.dtypes.add(tensor.dtype)
            call.writes.add(known.group)
        if call.writes:
            self._calls.append(call)
            self._keep_bounded()

    def _keep_bounded(self) -> None:
        if len(self._calls) > _MOST_CALLS:
            del self._calls[: _MOST_CALLS // 2]
        if self._slots.nbytes > _MOST_BYTES:
            self._slots.forget_copies()
            kept = [call for each in self.passes.values() for call in each.calls]
            self._slots.nbytes = held_bytes([*self._calls, *kept])
            if self._slots.nbytes > _MOST_BYTES // 2:
                self.trouble = f"the cell's tensors take more than {_MOST_BYTES // 2**20} MiB"
                self._calls.clear()

    # -- a backward pass --------------------------------------------------------------------------------

    def _backward(
        self, call: Any, func: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any], frame: FrameType | None
    ) -> Any:
        handles: list[Any] = []
        found: TapedPass | None = None
        site = ("", 0)
        asked: list[Any] = []
        try:
            try:
                with torch._C.DisableTorchFunction():
                    user = places(frame).user
                    site = ("", 0) if user is None else (user.f_code.co_filename, user.f_lineno)
                    found, asked = self._pass(func, args, kwargs, user, handles)
            except Exception as error:
                self._give_up(error)
            out = call(func, args, kwargs)
        finally:  # an interrupt may come at any time
            for handle in handles:
                handle.remove()
        if found is not None:
            with torch._C.DisableTorchFunction():
                for tensor, grad in zip(asked, out if asked else (), strict=False):
                    for reader in found.leaves:
                        if reader.ident == id(tensor):
                            reader.read(grad)
                self._keep(found, site)
                if asked and kwargs.get("create_graph"):
                    for grad in flat([out]):
                        reason = "it is itself a gradient, which is not computed a second time"
                        self._slots.put(grad, None, reason)
        return out

    def _pass(
        self, func: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any], user: FrameType | None, handles: list[Any]
    ) -> tuple[TapedPass | None, list[Any]]:
        roots, given, inputs = graph_tape_pass.pass_arguments(func, args, kwargs)
        roots = [root for root in roots if issubclass(type(root), torch.Tensor)]
        if not roots or any(wrapped(root) or root.grad_fn is None for root in roots):
            return None, []
        found = TapedPass()
        nodes = graph_tape_pass.leaf_nodes(roots)
        asked = list(flat([inputs]))
        variables = [tensor for tensor in asked if tensor.grad_fn is None] if asked else [n.variable for n in nodes]
        known = graph_tape_pass.name_leaves([*variables, *roots], user, _SKIP)
        found.leaves, found.more = graph_tape_pass.readers(variables, known)
        found.label = known.get(id(roots[0]), "")
        if torch._C._len_torch_dispatch_stack():
            found.reason = _MODE
            return found, []
        for root, seed in zip(roots, given, strict=True):
            slot = self._slots.of(root)
            copy = None if seed is None else seed.detach().clone()
            found.roots.append((slot, root.detach().clone(), copy))
        found.calls = slice_of(self._calls, [slot for slot, _, _ in found.roots])
        used = {call.inside for call in found.calls} & self._unsafe
        if used:
            found.reason = f"{min(used)} computes outside torch, and your code is not run a second time"
        elif not complete(found.calls):
            found.reason = f"the cell took more than {_MOST_CALLS:,} operations"
        if not asked:
            graph_tape_pass.install(nodes, found.leaves, handles)
        return found, asked

    def _keep(self, found: TapedPass, site: tuple[str, int]) -> None:
        old = self.passes.pop(site, None)
        if old is not None:  # a loop: what led to its last pass is not needed any more
            past = {id(call) for call in old.calls} - {id(call) for call in found.calls}
            self._calls = [call for call in self._calls if id(call) not in past]
        found.line = site[1]
        self.passes[site] = found
        if len(self.passes) > _MOST_PASSES:
            del self.passes[next(iter(self.passes))]
        self._slots.forget_copies()  # `.data` changes a leaf without a trace: it is copied anew after a pass
