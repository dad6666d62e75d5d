"""Tensors that two processes share: which of them owns each, and what the other's copy does not know yet.

A shared tensor has a name, its owner (``"j"``, the judge, or ``"s"``, the student) and a number. Both sides have a
tensor of that name, one of them the original, and tell each other what they changed in it: elements, ``.grad``,
requires_grad.
The judge drives lifetimes: when it lets go of a tensor, the student's side is told to do the same.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterable, MutableMapping
from typing import Any, NamedTuple

import torch

from graders.engine.values import Json
from graders.engine.wire import WireError

Name = tuple[str, int]
OWNERS = ("j", "s")
_PLAIN = (torch.Tensor, torch.nn.Parameter)


class State(NamedTuple):
    """What the other side knows of a tensor: its version, its gradient and that one's version, requires_grad."""

    version: int
    grad: torch.Tensor | None
    grad_version: int
    requires_grad: bool


def state_of(tensor: torch.Tensor) -> State:
    """The state of a tensor now; a non-leaf's gradient is nobody's business.

    >>> x = torch.zeros(2)
    >>> before = state_of(x).version
    >>> state_of(x.add_(1)).version - before
    1
    """
    if type(tensor) in _PLAIN:
        return _state_of(tensor)
    with torch._C.DisableTorchFunctionSubclass():  # a subclass of the student's has no say in this
        return _state_of(tensor)


def _state_of(tensor: torch.Tensor) -> State:
    grad = tensor.grad if tensor.is_leaf else None
    return State(_version(tensor), grad, 0 if grad is None else _version(grad), tensor.requires_grad)


class SharedTensors:
    """One side's tensors that have names.

    Args:
        me: whose side this is.
        weak: whether a tensor is forgotten when nothing else holds it, as in the judge; the student's side holds all
            that it has shared until it is told to let go.
    """

    def __init__(self, me: str, *, weak: bool) -> None:
        self.me = me
        self.silent = False  # whether tensors may change without their version telling, as through .data
        self._tensors: dict[str, MutableMapping[int, torch.Tensor]] = {
            owner: weakref.WeakValueDictionary() if weak else {} for owner in OWNERS
        }
        self._known: dict[Name, State] = {}
        self._before: dict[Name, torch.Tensor] = {}
        self._names: dict[int, Name] = {}
        self._cuts: dict[int, Name] = {}
        self._gone: list[Name] = []
        self._last = 0

    def name_of(self, tensor: torch.Tensor) -> Name | None:
        """The name of a tensor that is shared already."""
        name = self._names.get(id(tensor))
        return name if name is not None and self.get(name) is tensor else None

    def get(self, name: Name) -> torch.Tensor | None:
        """This side's tensor of that name."""
        return _alive(self._tensors[name[0]].get(name[1]))

    def export(self, tensor: torch.Tensor) -> Name:
        """The name of a tensor, which is this side's own if it had none."""
        name = self._names.get(id(tensor))
        if name is None or not (self.get(name) is None or self.get(name) is tensor):
            self._last += 1
            name = (self.me, self._last)
        self.keep(name, tensor)
        return name

    def disown(self, tensor: torch.Tensor) -> None:
        """Let a copy have a name of its own from now on, beside the one that it came by."""
        self._names.pop(id(tensor), None)

    def keep(self, name: Name, tensor: torch.Tensor) -> None:
        """Give a tensor its name, and take what it is now for what the other side knows."""
        if self.get(name) is not tensor:
            self._tensors[name[0]][name[1]] = tensor
            self._names[id(tensor)] = name
            weakref.finalize(tensor, self._forget, id(tensor), name).atexit = False
        self.note(name, tensor)

    def version_known(self, name: Name) -> int:
        """The version of a tensor that the other side knows of; -1 for one that it does not know."""
        known = self._known.get(name)
        return -1 if known is None else known.version

    def note(self, name: Name, tensor: torch.Tensor) -> None:
        """The other side knows the tensor as it is now."""
        self._known[name] = state_of(tensor)
        if self.silent and tensor.is_leaf:
            self._before[name] = tensor.detach().clone()

    def cut(self, base: torch.Tensor, name: Name) -> None:
        """Gradients that reach the leaf ``base`` are those of the tensor ``name``: a graph was cut there."""
        self._cuts[id(base)] = name
        weakref.finalize(base, self._cuts.pop, id(base), None).atexit = False

    def cut_name(self, leaf: torch.Tensor) -> Name | None:
        """The name of the tensor that a leaf was cut from."""
        return self._cuts.get(id(leaf))

    def changes(self, plain: Callable[[torch.Tensor], Json]) -> list[Json]:
        """What changed in any of the tensors since the other side was last told; ``plain`` encodes elements."""
        found = []
        for owner in OWNERS:
            for number, tensor in self._all_of(owner):
                name = (owner, number)
                known, now = self._known[name], state_of(tensor)
                if not self.silent and now[0] == known[0] and now[1] is known[1] and now[2:] == known[2:]:
                    continue
                entry: dict[str, Json] = {}
                if now.version != known.version or self._changed_silently(name, tensor):
                    entry["new"] = plain(tensor)
                if now.grad is not known.grad or now.grad_version != known.grad_version:
                    entry["grad"] = None if now.grad is None else plain(now.grad)
                    entry["in_place"] = now.grad is known.grad
                if now.requires_grad != known.requires_grad and tensor.is_leaf:
                    entry["rg"] = now.requires_grad
                if entry:
                    found.append({"o": owner, "n": number, **entry})
                    self.note(name, tensor)
        return found

    def apply(self, changes: Iterable[Json], elements: Callable[[Json], torch.Tensor]) -> None:
        """Do here what the other side did to its tensors; ``elements`` decodes.

        Raises:
            WireError: a change does not fit its tensor.
        """
        try:
            for change in changes:
                name = (str(change["o"]), int(change["n"]))
                tensor = self.get(name) if name[0] in OWNERS else None
                if tensor is not None:
                    self._apply(tensor, change, elements)
                    self.note(name, tensor)
        except (RuntimeError, TypeError, ValueError, KeyError) as error:
            raise WireError(f"a change does not fit its tensor ({error})") from None

    def _apply(self, tensor: torch.Tensor, change: Json, elements: Callable[[Json], torch.Tensor]) -> None:
        if "rg" in change and tensor.is_leaf:
            tensor.requires_grad_(bool(change["rg"]))
        with torch.no_grad():
            if "new" in change:
                new = elements(change["new"])
                if new.shape != tensor.shape or new.dtype != tensor.dtype:
                    raise ValueError("another shape or dtype")
                tensor.copy_(new)
            if "grad" in change:
                grad = None if change["grad"] is None else elements(change["grad"]).to(tensor.device)
                if grad is not None and change.get("in_place") and tensor.grad is not None:
                    tensor.grad.copy_(grad)
                else:
                    tensor.grad = grad

    def _changed_silently(self, name: Name, tensor: torch.Tensor) -> bool:
        before = self._before.get(name)
        return before is not None and not torch.equal(before, tensor.detach())

    def release(self, names: Iterable[Iterable[Any]]) -> None:
        """The judge has let go of these."""
        for owner, number in names:
            self._tensors[owner].pop(number, None)
            self._known.pop((owner, number), None)

    def leaves_of(self, owner: str) -> list[tuple[int, torch.Tensor]]:
        """The leaves that are shared and belong to ``owner``, by number."""
        return [(number, tensor) for number, tensor in self._all_of(owner) if tensor.is_leaf]

    def _all_of(self, owner: str) -> list[tuple[int, torch.Tensor]]:
        table = self._tensors[owner]
        if not isinstance(table, weakref.WeakValueDictionary):
            return list(table.items())
        found: list[Any] = [(reference.key, _alive(reference())) for reference in table.valuerefs()]
        return [entry for entry in found if entry[1] is not None]

    def take_gone(self) -> list[Name]:
        """The names that this side has let go of since last asked."""
        gone = [name for name in dict.fromkeys(self._gone) if self.get(name) is None]
        self._gone.clear()
        return gone

    def forget_silent(self) -> None:
        """Let go of the copies by which silent changes are told."""
        self._before.clear()

    def _forget(self, identity: int, name: Name) -> None:
        if self._names.get(identity) == name:
            del self._names[identity]
        if self.get(name) is None:
            self._known.pop(name, None)
            self._before.pop(name, None)
            self._gone.append(name)


def _version(tensor: torch.Tensor) -> int:
    return -1 if tensor.is_inference() else tensor._version


def _alive(tensor: torch.Tensor | None) -> torch.Tensor | None:
    """What a weak reference gave: a torch older than 2.10 must be told that Python holds it again."""
    if tensor is not None:
        tensor._fix_weakref()  # type: ignore[attr-defined]
    return tensor
