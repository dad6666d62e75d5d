"""A taped computation, done again in float64 with some elements of its leaves moved; runs torch's functions only."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from typing import Any

import torch

from torchmagic.observe.graph_tape_pass import TapedPass
from torchmagic.observe.graph_tape_values import Slot, TapedCall, filled, flat
from torchmagic.observe.quiet import Quiet

_WIDE = {torch.complex32: torch.complex128, torch.complex64: torch.complex128}
_CASTS: dict[Any, Any] = {
    **{getattr(torch.Tensor, name): torch.Tensor.double for name in ("float", "half", "bfloat16")},
    **{getattr(torch.Tensor, name): getattr(torch.Tensor, "cdouble") for name in ("cfloat", "chalf")},  # noqa: B009
}


class Replay:
    """Computes the recorded calls again, with some elements of leaves moved."""

    def __init__(self, found: TapedPass) -> None:
        self._found = found
        self._wide: dict[Slot, torch.Tensor] = {}
        slots = [slot for call in found.calls for slot in call.slots] + [slot for slot, _, _ in found.roots]
        for slot in dict.fromkeys(slots):
            if slot.value is not None:
                self._wide[slot] = _widened(slot.value)
        self._states: dict[int, tuple[Any, ...]] = {
            number: call.random for number, call in enumerate(found.calls) if call.random
        }

    def leaf_value(self, leaf: int, position: int) -> complex:
        """An element of a leaf as it was."""
        slot = next(slot for slot in self._wide if slot.leaf == leaf)
        return complex(self._wide[slot].reshape(-1)[position].item())

    def knows(self, leaf: int) -> bool:
        """Whether the calls use a leaf."""
        return any(slot.leaf == leaf for slot in self._wide)

    def value(self, leaf: int = 0, position: int = 0, step: complex = 0.0) -> float:
        """What the pass differentiates, with one element of a leaf moved by ``step``."""
        made: dict[Slot, torch.Tensor] = {}
        for slot, wide in self._wide.items():
            moved = wide.clone() if slot.changed or (step and slot.leaf == leaf) else wide
            if step and slot.leaf == leaf:
                moved.reshape(-1)[position] += step if moved.is_complex() else step.real
            made[slot] = moved
        for number, call in enumerate(self._found.calls):
            self._run(number, call, made)
        total = 0.0
        for slot, _, seed in self._found.roots:
            total += _weighed(made[slot], seed)
        return total

    def seen(self) -> float:
        """The same, as it was in the cell."""
        return sum(_weighed(_widened(value), seed) for _, value, seed in self._found.roots)

    def _run(self, number: int, call: TapedCall, made: dict[Slot, torch.Tensor]) -> None:
        def of(value: Any) -> Any:
            if type(value) is Slot:
                return made[value]
            if type(value) is torch.dtype:
                return _wide_dtype(value)
            if type(value) is torch.Generator:
                copy = torch.Generator(value.device)
                copy.set_state(value.get_state())
                return copy
            return value

        if call.random:
            _set_random(call.random, call.slots)
        func = _CASTS.get(call.func, call.func) if call.func.__hash__ else call.func
        out = func(*filled(call.args, of), **filled(call.kwargs, of))
        results = list(flat([out]))
        for place, slot in call.outputs.items():
            made[slot] = results[place]


def _weighed(value: torch.Tensor, seed: torch.Tensor | None) -> float:
    """The real number whose gradient a pass computes: the sum of the root, weighed by the gradient given."""
    if seed is not None:
        value = value * _widened(seed).conj()
    return float(value.sum().real.item())


def _widened(value: torch.Tensor) -> torch.Tensor:
    return value.to(_wide_dtype(value.dtype))


def _wide_dtype(dtype: torch.dtype) -> torch.dtype:
    return _WIDE.get(dtype, torch.float64 if dtype.is_floating_point else dtype)


def _set_random(states: tuple[Any, ...], slots: Sequence[Slot]) -> None:
    torch.default_generator.set_state(states[0])
    devices = {slot.value.device for slot in slots if slot.value is not None and slot.value.device.type == "cuda"}
    for device, state in zip(devices, states[1:], strict=False):
        torch.cuda.default_generators[device.index or 0].set_state(state)


def aside(each: TapedPass) -> ExitStack:
    """Where computing again happens: no graph, no mode sees it, and the user's random numbers stay as they are."""
    stack = ExitStack()
    devices = {
        slot.value.device.index or 0
        for call in each.calls
        for slot in call.slots
        if slot.value is not None and slot.value.device.type == "cuda"
    }
    stack.enter_context(torch.random.fork_rng(devices=sorted(devices)))
    stack.enter_context(Quiet())
    return stack
