"""Backward passes that a torch older than 2.11 tells no function mode of: those of ``torch.autograd.backward``.

Such a pass asks each root whether it is nested, and that is seen. Its end is what the engine itself calls back.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import FrameType
from typing import Any

import torch
from torch.autograd.graph import get_gradient_edge

_BACKWARD = torch.autograd.backward.__code__
_MAKE_GRADS = torch.autograd._make_grads.__code__

_FACT: Any = vars(torch._C.TensorBase)["is_nested"].__get__

ANNOUNCED = "handle_torch_function" in _BACKWARD.co_names
"""Whether this torch tells function modes of ``torch.autograd.backward``."""

FIRST_CALLS: frozenset[Any] = frozenset() if ANNOUNCED else frozenset({_FACT})
"""What such a pass asks before it begins, once for each root: facts that cost nothing."""


@dataclass(frozen=True, slots=True)
class Begun:
    """A pass that is about to begin: its roots, the options it was given, and the user's frame."""

    roots: Sequence[Any]
    options: Mapping[str, Any]
    frame: FrameType | None


def begun(frame: FrameType | None) -> Begun | None:
    """The pass about to begin, where ``frame``, which made one of :data:`FIRST_CALLS`, is of its preparation."""
    if frame is None or frame.f_code is not _MAKE_GRADS or frame.f_back is None or frame.f_back.f_code is not _BACKWARD:
        return None
    given = frame.f_back.f_locals
    options = {name: given[name] for name in ("retain_graph", "create_graph", "inputs") if given[name] is not None}
    return Begun(given["tensors"], options, frame.f_back.f_back)


def call_at_end(roots: Sequence[torch.Tensor], ended: Callable[[], None]) -> list[Any]:
    """Have ``ended`` called once, when the pass that begins at ``roots`` has done its work; handles of the hooks."""
    waiting = [ended]

    def at_root(_: Sequence[torch.Tensor | None]) -> None:
        if waiting:
            torch.autograd.Variable._execution_engine.queue_callback(waiting.pop())

    return [get_gradient_edge(root).node.register_prehook(at_root) for root in roots]
