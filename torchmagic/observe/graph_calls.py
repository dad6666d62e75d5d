"""What is kept of a cell's calls: copies of small operands and results, and names, by the autograd nodes they made."""

from __future__ import annotations

import weakref
from collections.abc import Mapping
from types import FrameType
from typing import Any

import torch

from torchmagic.observe import names, values
from torchmagic.observe.graph_facts import Call
from torchmagic.observe.graph_modules import LIBRARIES, Places
from torchmagic.observe.graph_walk import Skeleton, TensorFact, leaf_fact, version_of

_MOST_CALLS = 30_000
_MOST_RECENT = 5_000

sequence = torch._C._autograd._get_sequence_nr
"""The sequence number that autograd's next node gets."""

_is_wrapped = torch._C._functorch.is_functorch_wrapped_tensor
_Tensor = torch.Tensor


class SeenCalls:
    """The calls of a cell that made nodes, as many as may still be needed.

    Attributes:
        calls: what was seen of each, by the last sequence number of its nodes; a later call has a higher one.
        highest: up to this sequence number it is known which call made a node.

    >>> seen, before = SeenCalls(), sequence()
    >>> w, x = torch.tensor(2.0, requires_grad=True), torch.tensor(3.0)
    >>> y = w * x
    >>> seen.saw(before, sequence(), y, (w, x), {}, None)
    >>> (call,) = seen.calls.values()
    >>> call.data[0].shape, seen.last() is y, seen.highest == sequence()
    ((), True, True)
    """

    def __init__(self) -> None:
        self.calls: dict[int, Call] = {}
        self.highest = sequence()
        self._last: weakref.ref[torch.Tensor] | None = None
        self._data: dict[int, TensorFact] = {}
        self._unnamed: dict[int, weakref.ref[torch.Tensor]] = {}  # results that no variable was seen to hold
        self._places = Places()

    def last(self) -> torch.Tensor | None:
        """The result of the last call that has a graph, while the user still holds it."""
        return None if self._last is None else self._last()

    def unseen(self, before: int, frame: FrameType | None) -> None:
        """Nodes appeared between two calls, as of a custom Function: they belong to where the cell is now."""
        first, self.highest = self.highest, before
        inner = frame
        for _ in range(6):  # inside the forward of a custom Function: the call was made by what called that
            if inner is None:
                break
            if inner.f_code.co_varnames[:1] == ("ctx",):
                frame = inner.f_back
                break
            inner = inner.f_back
        self.calls[before - 1] = Call(first, before - 1, self._places.at(frame), seen=False)

    def saw(
        self,
        before: int,
        after: int,
        out: Any,
        args: tuple[Any, ...],
        kwargs: Mapping[str, Any],
        frame: FrameType | None,
    ) -> None:
        """A call made the nodes from ``before`` up to ``after``; to be told outside all modes."""
        self.highest = after
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

    def after_pass(self, before: int, graph: Skeleton, *, frees: bool, derives: bool) -> None:
        """A backward pass has run.

        Args:
            before: the sequence number before it.
            graph: what it ran through.
            frees: whether that is gone now: what was seen of its calls is in the pass.
            derives: whether the pass made a graph of its own, for gradients of a higher order.
        """
        if frees:
            for op in graph.ops:
                if op.call is not None:
                    self.calls.pop(op.call.last, None)
        self.highest = sequence()
        if derives and self.highest > before:
            order = 1 + max((op.call.order for op in graph.ops if op.call is not None), default=0)
            last = self.highest - 1
            self.calls[last] = Call(before, last, seen=False, order=order)

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
            self.highest = key + 1
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
