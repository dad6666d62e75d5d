"""What a tape of torch calls is made of: slots for tensors, calls, and which calls a result was computed by."""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from types import BuiltinFunctionType, FunctionType, MethodDescriptorType, MethodWrapperType, WrapperDescriptorType
from typing import Any

import torch

_PLAIN = (torch.Tensor, torch.nn.Parameter)
_C_FUNCTIONS = (BuiltinFunctionType, MethodDescriptorType, MethodWrapperType, WrapperDescriptorType)
_ARGUMENTS = frozenset(
    {int, float, complex, bool, str, type(None), type(Ellipsis), slice, torch.Size, torch.dtype, torch.device}
    | {torch.layout, torch.memory_format}
)
_PLAIN_NAMES = frozenset({"T", "mT", "H", "mH", "real", "imag", "data"})
_NAMESPACES = frozenset({"aten", "prims"})


class Refused(Exception):
    """A call cannot be kept for computing it again; its text says why."""


class Group:
    """Tensors that share memory; ``version`` is the count of changes in place that was last seen."""

    __slots__ = ("version",)

    def __init__(self, version: int = 0) -> None:
        self.version = version


@dataclass(slots=True, eq=False)
class Slot:
    """The place of a tensor in a computation.

    Attributes:
        group: what else shares its memory.
        value: a copy, for what came from outside; None for what the calls compute.
        leaf: ``id`` of the leaf that it is a copy of, or None.
        reason: why what it was computed by was not kept, or "".
        behind: leaves that it depends on by way of that.
        changed: whether a call changes it in place.
    """

    group: Group
    value: torch.Tensor | None = None
    leaf: int | None = None
    reason: str = ""
    behind: frozenset[int] = frozenset()
    changed: bool = False


@dataclass(slots=True, eq=False)
class TapedCall:
    """A call of a torch function, with slots in the place of tensors.

    Attributes:
        outputs: slots of its results, by their place in the flat sequence of results.
        writes: the memory that it computes or changes.
        dtypes: of its floating results, for what its arithmetic leaves uncertain.
        random: states of the generators before it, where it drew random numbers.
        inside: the custom autograd.Function in whose forward it ran, or "".
    """

    func: Any
    args: Any
    kwargs: Any
    slots: list[Slot]
    outputs: dict[int, Slot] = field(default_factory=dict)
    writes: set[Group] = field(default_factory=set)
    dtypes: set[torch.dtype] = field(default_factory=set)
    random: tuple[Any, ...] = ()
    inside: str = ""


def is_torchs(func: Any) -> bool:
    """Whether a function is torch's own, so that calling it runs no code of the user's.

    >>> is_torchs(torch.exp), is_torchs(torch.nn.functional.relu), is_torchs(lambda x: x)
    (True, True, False)
    """
    if type(func) is MethodWrapperType:
        return func.__name__ == "__get__" and getattr(func.__self__, "__name__", "") in _PLAIN_NAMES
    if isinstance(func, _C_FUNCTIONS):
        return True
    if type(func) is FunctionType:
        return func.__module__ == "torch" or func.__module__.startswith("torch.")
    namespace = getattr(func, "namespace", None) if type(func).__module__ == "torch._ops" else None
    return namespace in _NAMESPACES


def flat(items: Iterable[Any]) -> Iterable[torch.Tensor]:
    """The tensors in arguments or results, through lists, tuples and dicts."""
    for item in items:
        kind = type(item)
        if issubclass(kind, torch.Tensor):
            yield item
        elif kind is dict:
            yield from flat(item.values())
        elif kind is list or (issubclass(kind, tuple) and kind is not torch.Size):
            yield from flat(tuple.__iter__(item) if issubclass(kind, tuple) else item)


def template(value: Any, slot_of: Callable[[torch.Tensor], Slot]) -> Any:
    """Arguments with slots in the place of tensors.

    Raises:
        Refused: an argument is of a kind that may run the user's code, or cannot be copied.
    """
    kind = type(value)
    if kind in _PLAIN:
        return slot_of(value)
    if kind in _ARGUMENTS or isinstance(value, enum.Enum):
        return value
    if kind is list or kind is tuple:
        return kind(template(item, slot_of) for item in value)
    if kind is dict:
        return {key: template(item, slot_of) for key, item in value.items()}
    if kind is torch.Generator:
        copy = torch.Generator(value.device)
        copy.set_state(value.get_state())
        return copy
    if issubclass(kind, torch.Tensor):
        raise Refused(f"a {kind.__name__} is a tensor class of its own")
    raise Refused(f"an argument is of type {kind.__name__}")


def filled(value: Any, of: Callable[[Any], Any]) -> Any:
    """Arguments with each plain value, slot and generator replaced by ``of`` it."""
    if type(value) in (list, tuple):
        return type(value)(filled(item, of) for item in value)
    if type(value) is dict:
        return {key: filled(item, of) for key, item in value.items()}
    return of(value)


def random_state(devices: Iterable[torch.device]) -> tuple[Any, ...]:
    """The state of the generators of the CPU and of CUDA devices, without waiting for a device."""
    found = [torch.default_generator.get_state()]
    for device in devices:
        if device.type == "cuda":
            generators = torch.cuda.default_generators
            found.append(generators[device.index or 0].get_state())
    return tuple(found)


def slice_of(calls: Sequence[TapedCall], roots: Iterable[Slot]) -> list[TapedCall]:
    """The calls that the roots were computed by, with all that changed the same memory, in order."""
    needed = {slot.group for slot in roots}
    found: list[TapedCall] = []
    for call in reversed(calls):
        if not needed.isdisjoint(call.writes):
            found.append(call)
            needed.update(slot.group for slot in call.slots)
    found.reverse()
    return found


def complete(calls: Sequence[TapedCall]) -> bool:
    """Whether all that calls are given came from outside or was computed by one of them before."""
    made: set[Slot] = set()
    for call in calls:
        if any(slot.value is None and slot not in made for slot in call.slots):
            return False
        made.update(call.outputs.values())
    return True


def held_bytes(calls: Iterable[TapedCall]) -> int:
    """Bytes of the copies that calls hold."""
    slots: Mapping[int, Slot] = {id(slot): slot for call in calls for slot in call.slots}
    return sum(slot.value.nbytes for slot in slots.values() if slot.value is not None)
