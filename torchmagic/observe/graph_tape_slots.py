"""Which tensor of a running cell is which slot of the tape: by object, while it lives, and by its version."""

from __future__ import annotations

import weakref
from dataclasses import dataclass
from typing import Any

import torch

from torchmagic.observe.graph_tape_pass import leaf_nodes
from torchmagic.observe.graph_tape_values import Group, Refused, Slot
from torchmagic.observe.graph_walk import version_of

_MOST = 16_000


@dataclass(slots=True)
class _Known:
    """A tensor that the tape knows, while it is the same object: its slot, or why it has none."""

    ref: weakref.ref[Any]
    slot: Slot | None
    reason: str = ""


class Slots:
    """The slots of the tensors that the tape has seen.

    Attributes:
        nbytes: bytes of the copies made, some of which may be gone.
    """

    def __init__(self) -> None:
        self.nbytes = 0
        self._named: dict[int, _Known] = {}
        self._inputs: dict[tuple[int, int], tuple[weakref.ref[Any], Slot]] = {}

    def put(self, tensor: torch.Tensor, slot: Slot | None, reason: str = "") -> None:
        """What a tensor is: a slot, or why there is none."""
        self._named[id(tensor)] = _Known(weakref.ref(tensor), slot, reason)
        if len(self._named) > _MOST:
            self._named = {key: known for key, known in self._named.items() if known.ref() is not None}

    def forget_copy(self, tensor: torch.Tensor) -> None:
        """A tensor may change without a trace: it is copied anew when it is used next."""
        self._inputs.pop((id(tensor), version_of(tensor)), None)

    def forget_copies(self) -> None:
        """The same of all."""
        self._inputs.clear()

    def clear(self) -> None:
        """Forget all tensors."""
        self._named.clear()
        self._inputs.clear()

    def known(self, tensor: torch.Tensor) -> Slot | None:
        known = self._named.get(id(tensor))
        return known.slot if known is not None and known.ref() is tensor else None

    def of(self, tensor: torch.Tensor) -> Slot:
        """The slot of an operand: of what the tape computed, of a leaf, or of something else from outside."""
        slot = self.known(tensor)
        if slot is not None:
            if slot.group.version == version_of(tensor):
                return slot
            return self._from_outside(tensor, "it was changed in place where that could not be followed")
        if tensor.grad_fn is None or not tensor.requires_grad:
            return self._input(tensor)
        return self._from_outside(tensor, self._reason(tensor))

    def _reason(self, tensor: torch.Tensor) -> str:
        known = self._named.get(id(tensor))
        if known is not None and known.ref() is tensor and known.reason:
            return known.reason
        kind = type(tensor.grad_fn)
        custom = getattr(kind, "_forward_cls", None)
        if custom is not None:
            return f"{custom.__name__} computes outside torch, and your code is not run a second time"
        return "a part of the computation was not seen, as before this cell or inside torch.func"

    def _from_outside(self, tensor: torch.Tensor, reason: str) -> Slot:
        slot = self._input(tensor, reason)
        if not slot.reason:
            slot.reason = reason
            slot.behind = frozenset(id(node.variable) for node in leaf_nodes([tensor]))
        return slot

    def _input(self, tensor: torch.Tensor, reason: str = "") -> Slot:
        key = (id(tensor), version_of(tensor))
        known = self._inputs.get(key)
        if known is not None and known[0]() is tensor:
            return known[1]
        if tensor.device.type in ("meta", "mps"):
            raise Refused(f"there is no float64 on the device {tensor.device.type}")
        copy = tensor.detach().clone()
        self.nbytes += copy.nbytes if copy.layout is torch.strided else 0
        slot = Slot(Group(key[1]), copy, id(tensor) if tensor.requires_grad and not reason else None)
        self._inputs[key] = (weakref.ref(tensor), slot)
        return slot
