"""Of how many backward passes each leaf's ``.grad`` is the sum: whether it was zeroed or replaced between them."""

from __future__ import annotations

import weakref
from collections.abc import Iterable
from dataclasses import dataclass

import torch

from torchmagic.observe import values
from torchmagic.observe.graph_walk import TensorFact, version_of
from torchmagic.observe.graph_writes import Writes

_LOOKED_AT = 1_000_000
_MOST_LOOKED = 32
_MOST = 20_000


@dataclass(slots=True)
class _State:
    """A leaf's ``.grad`` after a pass."""

    leaf: weakref.ref[torch.Tensor]
    grad: weakref.ref[torch.Tensor] | None = None
    version: int = -1
    at: int = 0
    count: int = 0
    before: bool = False


class PassCounts:
    """Counts the passes that each leaf's ``.grad`` holds, during one cell.

    >>> counts = PassCounts(Writes())
    >>> w = torch.ones(1, requires_grad=True)
    >>> fact = TensorFact("leaf", ref=weakref.ref(w))
    >>> for _ in range(3):
    ...     counts.before([fact])
    ...     (w * 2).backward()
    ...     counts.after([fact])
    >>> fact.passes
    3
    """

    def __init__(self, writes: Writes) -> None:
        self._writes = writes
        self._states: dict[int, _State] = {}

    def knows(self, tensor: torch.Tensor) -> bool:
        """Whether a pass of this cell went to that leaf."""
        state = self._states.get(id(tensor))
        return state is not None and state.leaf() is tensor

    def began_with_gradient(self, tensor: torch.Tensor) -> bool:
        """Whether part of its ``.grad`` is older than the cell's first pass."""
        return self.knows(tensor) and self._states[id(tensor)].before

    def before(self, facts: Iterable[TensorFact]) -> None:
        """A pass to these leaves is about to begin."""
        looked: list[bool] = []  # where one held nothing the others held nothing either
        for fact in facts:
            leaf = fact.alive()
            if leaf is None:
                continue
            state = self._states.get(id(leaf))
            if state is None or state.leaf() is not leaf:
                if len(self._states) >= _MOST:
                    self._states.clear()
                assert fact.ref is not None
                state = self._states[id(leaf)] = _State(fact.ref)
            grad = leaf.grad
            if grad is None:
                state.count, state.before = 0, False
            elif state.grad is None:  # none of this cell's passes filled it
                if len(looked) < _MOST_LOOKED:
                    looked.append(_is_zero(grad))
                state.count, state.before = 0, not looked[-1]
            elif self._was_zeroed(state, grad):
                state.count, state.before = 0, False

    def after(self, facts: Iterable[TensorFact]) -> None:
        """The pass has ended: what the leaves hold now."""
        at = torch._C._autograd._get_sequence_nr()
        for fact in facts:
            leaf = fact.alive()
            state = self._states.get(id(leaf)) if leaf is not None else None
            if leaf is None or state is None:
                continue
            grad = leaf.grad
            if grad is None:
                continue
            version = version_of(grad)
            if state.grad is not None and state.grad() is grad and state.version == version and state.count:
                fact.passes = state.count + state.before
                continue  # this pass did not come to it
            state.grad, state.version, state.at = weakref.ref(grad), version, at
            state.count += 1
            fact.passes = state.count + state.before

    def _was_zeroed(self, state: _State, grad: torch.Tensor) -> bool:
        if values.readable(grad) and self._writes.zeroed_since(grad, state.at):
            return True
        same = state.grad is not None and state.grad() is grad
        return not (same and version_of(grad) == state.version) and _is_zero(grad)


def _is_zero(grad: torch.Tensor) -> bool:
    """Whether all of a gradient on the CPU is zero; of a large one, of a part."""
    if grad.device.type != "cpu" or not values.readable(grad):
        return False
    with torch.no_grad():
        plain = grad.detach()
        if plain.numel() > _LOOKED_AT and plain.is_contiguous():
            plain = plain.view(-1)[:: plain.numel() // _LOOKED_AT + 1]
        return not bool(plain.any())
