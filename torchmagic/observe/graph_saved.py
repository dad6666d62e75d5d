"""What autograd keeps for the backward pass, and how much memory that is, read from the live graph."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any

import torch

from torchmagic.graph_records import GraphRecord, SavedTensor
from torchmagic.observe import graph_ops, values
from torchmagic.observe.graph_walk import OpFact, Skeleton, TensorFact, Walk

_MOST = 20_000
_RAW = "_raw_saved_"
_NUMBERS = (torch.int64, torch.float64, torch.complex128, torch.bool)
_RESULTS = ("result", "result0", "output")


@dataclass(slots=True)
class SavedFact:
    """One kept tensor as plain facts; ``fact`` is what the graph knows of it, which may get its name later."""

    what: str
    shape: tuple[int, ...]
    dtype: str
    nbytes: int
    held: Callable[[], str] | None = None
    fact: TensorFact | None = None


@dataclass(slots=True)
class Saved:
    """Reads what graphs keep; memory that several of them keep is counted once.

    Attributes:
        hidden: how many tensors stand behind hooks of the user's (or of a checkpoint), and were not read.
        changed: how many were changed in place since, and could not be read: a torch older than 2.10 refuses.

    >>> from torchmagic.observe.graph_walk import walk
    >>> w = torch.ones(3, requires_grad=True)
    >>> graph = walk([(w * w).exp()])
    >>> Saved().put(graph)
    >>> [[(kept.what, kept.nbytes) for kept in op.saved] for op in graph.skeleton.ops]
    [[], [('self', 12), ('other', 12)], [('result', 12)]]
    """

    hidden: int = 0
    changed: int = 0
    cut: bool = False
    _count: int = 0
    _seen: dict[int, Any] = field(default_factory=dict)

    def put(self, graph: Walk) -> None:
        """Put on each operation of a live graph what it keeps."""
        self._seen = {}
        for fact in graph.skeleton.leaves():
            self._holds(fact.alive(), fact)
        for op in graph.skeleton.ops:
            for fact in op.data:
                self._holds(fact.alive(), fact)
        for number, op in enumerate(graph.skeleton.ops):
            if op.grad_fn:
                op.saved = list(self._of_node(graph, number))
        self._seen = {}  # its keys are addresses, which mean nothing once the pass has run

    def on(self, record: GraphRecord, skeletons: Sequence[Skeleton]) -> GraphRecord:
        """The record of those graphs with what they keep, and with sentences on what was not read."""
        return replace(record, saved=_saved_of(skeletons), notes=(*record.notes, *self._notes()))

    def _notes(self) -> list[str]:
        found = []
        if self.hidden:
            found.append(f"{_tensors(self.hidden)} kept behind hooks (a checkpoint, saved_tensors_hooks): not counted.")
        if self.changed:
            found.append(f"{_tensors(self.changed)} changed in place since: read with torch 2.10 or newer alone.")
        if self.cut:
            found.append(f"What is kept was read of the first {_MOST:,} tensors.")
        return found

    def _holds(self, tensor: torch.Tensor | None, fact: TensorFact) -> None:
        key = None if tensor is None else _memory(tensor)
        if key is not None:
            self._seen.setdefault(key, lambda: f"{fact.role} {fact.name}".strip())

    def _of_node(self, graph: Walk, number: int) -> Iterable[SavedFact]:
        node, op = graph.nodes[number], graph.skeleton.ops[number]
        for what, raw in kept(node):
            if self._count == _MOST:
                self.cut = True
                return
            tensor = self._read(raw)
            if tensor is None:
                continue
            fact = self._fact(graph, number, what, tensor)
            if fact is None and _is_number(tensor):
                continue
            self._count += 1
            key = _memory(tensor)
            held = None if key is None else self._seen.get(key)
            if key is not None and held is None:
                self._seen[key] = _said_of(op, what)
            shape = values.sizes(tensor.shape) if tensor.layout is not torch.jagged else ()
            yield SavedFact(what, shape, values.dtype_text(tensor.dtype), _bytes(tensor), held, fact)

    def _fact(self, graph: Walk, number: int, what: str, tensor: torch.Tensor) -> TensorFact | None:
        """What the graph knows of a kept tensor; a node keeps its own output detached."""
        op = graph.skeleton.ops[number]
        place = graph.place(tensor) if tensor.requires_grad else None
        if place is not None:
            return graph.fact(place)
        if what in _RESULTS and 0 in op.outputs and op.outputs[0].shape == tuple(tensor.shape):
            return op.outputs[0]
        return next((each for each in op.data if each.alive() is tensor), None)

    def _read(self, raw: Any) -> torch.Tensor | None:
        if isinstance(raw, torch.Tensor):  # an attribute of a custom Function's ctx, or read by an older torch
            return raw
        if isinstance(raw, graph_ops.HookAhead):
            self.hidden += 1
            return None
        if isinstance(raw, RuntimeError):
            self.changed += "modified by an inplace operation" in str(raw)
            return None
        if getattr(raw, "unpack_hook", None) is not None:
            self.hidden += 1
            return None
        tensor = _attribute(raw, "data") if type(raw).__name__ == "SavedTensor" else None
        return tensor if isinstance(tensor, torch.Tensor) else None


def _saved_of(skeletons: Sequence[Skeleton]) -> tuple[SavedTensor, ...]:
    """The records of what was put on operations, once these have their places in a record."""
    return tuple(
        SavedTensor(
            op.node,
            each.what,
            each.fact.name if each.fact is not None else "",
            each.shape,
            each.dtype,
            each.nbytes,
            each.held() if each.held is not None else "",
        )
        for skeleton in skeletons
        for op in skeleton.ops
        for each in op.saved
        if op.node
    )


def kept(node: Any) -> Iterable[tuple[str, Any]]:
    """What a node keeps, by the name it has there: not unpacked, so that no hook is run."""
    kind = type(node)
    custom = hasattr(kind, "_forward_cls")
    for name in ("saved_tensors",) if custom else _raw_names(kind):  # type: ignore[arg-type]  # classes hash
        raw = _attribute(node, _RAW + name.removeprefix("saved_"))
        if raw is not None and not graph_ops.SAVED_TELL:
            raw = _unpacked(node, name if custom else f"_saved_{name}", raw)
        if isinstance(raw, (tuple, list)):
            yield from ((f"{name}[{i}]", each) for i, each in enumerate(raw) if each is not None)
        elif raw is not None:
            yield name, raw
    if custom:
        try:
            state = object.__getattribute__(node, "__dict__")
        except AttributeError:
            return
        for key, value in list(state.items()):
            if type(value) in (torch.Tensor, torch.nn.Parameter):
                yield f"ctx.{key}", value


@lru_cache(maxsize=512)
def _raw_names(kind: Hashable) -> tuple[str, ...]:
    names = [name.removeprefix(_RAW) for name in dir(kind) if name.startswith(_RAW)]
    return tuple(sorted(names, key=lambda name: (name not in ("self", "input"), name)))


def _attribute(node: Any, name: str) -> Any:
    try:
        return getattr(node, name)
    except (AttributeError, RuntimeError):  # not kept, or freed
        return None


def _unpacked(node: Any, attribute: str, raw: Any) -> Any:
    """What a node keeps, in a torch whose kept tensors cannot be read as they are; why not, where it cannot."""
    try:
        return graph_ops.read_kept(node, attribute)
    except RuntimeError as error:
        return [error] * len(raw) if isinstance(raw, (tuple, list)) else error


def _said_of(op: OpFact, what: str) -> Callable[[], str]:
    return lambda: f"{graph_ops.plain_name(op.grad_fn)} ({what})"


def _is_number(tensor: torch.Tensor) -> bool:
    """Whether it is what torch made of a number in the user's expression, such as the 3 of ``x * 3``."""
    return tensor.dim() == 0 and not tensor.requires_grad and tensor.dtype in _NUMBERS and tensor.device.type == "cpu"


def _memory(tensor: torch.Tensor) -> int | None:
    """What tells a tensor's memory from others, or None where it has none of its own."""
    try:
        storage = tensor.untyped_storage()
    except (NotImplementedError, RuntimeError):
        return None
    return storage._cdata if storage.nbytes() else None


def _bytes(tensor: torch.Tensor) -> int:
    """Bytes of the elements; an expanded tensor has no more than its memory."""
    try:
        return min(tensor.nbytes, tensor.untyped_storage().nbytes())
    except (NotImplementedError, RuntimeError):  # sparse, nested, a subclass
        try:
            return int(tensor.nbytes)
        except (NotImplementedError, RuntimeError):
            return 0


def _tensors(count: int) -> str:
    return "1 tensor is" if count == 1 else f"{count:,} tensors are"
