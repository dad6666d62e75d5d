"""The leaves that a backward pass gives gradients to, and what the user calls them, found anew as rarely as may be."""

from __future__ import annotations

import weakref
from collections.abc import Sequence
from pathlib import Path
from types import FrameType
from typing import Any

import torch

from torchmagic.observe import names

_SKIP = (str(Path(torch.__file__).parent), str(Path(__file__).parents[1]), "<eval_with_key>")
_MOST_NODES = 64
"""So many nodes of graphs are walked for each pass, taken over many passes."""
_MOST_WALKED = 200_000
_MOST_PLACES = 200
MOST_LEAVES = 1_000


def leaves_below(roots: Sequence[torch.Tensor]) -> tuple[list[torch.Tensor], int]:
    """The leaves from which tensors were computed, in the order of the computation, and how many nodes lie between.

    >>> w = torch.ones(2, requires_grad=True)
    >>> leaves, count = leaves_below([(w * 2).sum()])
    >>> leaves[0] is w, count
    (True, 2)
    """
    found = {id(root): ((-1, number), root) for number, root in enumerate(roots) if root.grad_fn is None}
    stack: list[Any] = [root.grad_fn for root in roots if root.grad_fn is not None]
    seen = set(stack)
    while stack and len(seen) < _MOST_WALKED:
        node = stack.pop()
        for number, (following, _) in enumerate(node.next_functions):
            if following is None:
                continue
            if type(following).__name__ == "AccumulateGrad":
                leaf, place = following.variable, (node._sequence_nr(), number)
                known = found.get(id(leaf))
                if known is None or place < known[0]:
                    found[id(leaf)] = (place, leaf)
            elif following not in seen:
                seen.add(following)
                stack.append(following)
    return [leaf for _, leaf in sorted(found.values(), key=lambda each: each[0])], len(seen)


class Leaves:
    """The leaves behind each place in the code that runs a backward pass, by name.

    A graph is walked when it is small, when a leaf that it had is gone, and now and then.
    """

    def __init__(self) -> None:
        self._known: dict[object, tuple[list[weakref.ref[torch.Tensor]], int]] = {}
        self._names: dict[int, tuple[weakref.ref[torch.Tensor], str]] = {}
        self._credit = 0
        self._unnamed = 0

    def of(self, place: object, roots: Sequence[torch.Tensor]) -> list[torch.Tensor]:
        """The leaves of a pass that began at ``roots``, at a place in the code."""
        self._credit += _MOST_NODES
        known, size = self._known.get(place, ([], 0))
        leaves = [leaf for reference in known if (leaf := reference()) is not None]
        if size and size > self._credit and len(leaves) == len(known):
            return leaves
        leaves, size = leaves_below(roots)
        self._credit = max(self._credit - size, -_MOST_WALKED)
        if len(self._known) > _MOST_PLACES:  # as where code is compiled anew for each pass
            self._known.clear()
        self._known[place] = ([weakref.ref(leaf) for leaf in leaves], size)
        return leaves

    def named(self, leaves: Sequence[torch.Tensor], frame: FrameType | None) -> list[tuple[str, torch.Tensor]]:
        """The leaves with their names; one that no variable reaches has a number."""
        lacking = {id(leaf): leaf for leaf in leaves if self._name(leaf) is None}
        if lacking:
            self._look_up(lacking, frame)
        return [(self._name(leaf) or "", leaf) for leaf in leaves]

    def _name(self, leaf: torch.Tensor) -> str | None:
        known = self._names.get(id(leaf))
        return known[1] if known is not None and known[0]() is leaf else None

    def _look_up(self, lacking: dict[int, torch.Tensor], frame: FrameType | None) -> None:
        """Names as the cell itself would write them come before those of the functions that it called."""
        scopes = list(reversed(names.frame_variables(frame, _SKIP)))
        for reached in (names.plain_tensors, names.named_tensors):
            for scope in scopes:
                if not lacking:
                    break
                self._put(lacking, reached(scope))
        for leaf in lacking.values():
            self._unnamed += 1
            self._names[id(leaf)] = (weakref.ref(leaf), f"unnamed leaf {self._unnamed}")
        if len(self._names) > 4 * MOST_LEAVES:
            self._names = {key: each for key, each in self._names.items() if each[0]() is not None}

    def _put(self, lacking: dict[int, torch.Tensor], found: Sequence[tuple[str, torch.Tensor]]) -> None:
        for name, tensor in found:
            if lacking.get(id(tensor)) is tensor:
                self._names[id(tensor)] = (weakref.ref(tensor), name)
                del lacking[id(tensor)]


def place_of(frame: FrameType | None) -> object:
    """The place in the user's code from which a pass was run, to know it again; None where there is none."""
    frame = _users(frame)
    return None if frame is None else (frame.f_code, frame.f_lasti)


def loss_name(root: torch.Tensor, frame: FrameType | None) -> tuple[str, int | None]:
    """What the user calls a loss where the pass began, and the line there.

    >>> import sys
    >>> loss = torch.ones(())
    >>> loss_name(loss, sys._getframe())[0]
    'loss'
    """
    frame = _users(frame)
    if frame is None:
        return "loss", None
    found = next((name for name, value in names.nearest_variables(frame, _SKIP) if value is root), "")
    return found or "loss", frame.f_lineno


def _users(frame: FrameType | None) -> FrameType | None:
    while frame is not None and frame.f_code.co_filename.startswith(_SKIP):
        frame = frame.f_back
    return frame
