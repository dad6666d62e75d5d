"""One backward pass, seen from outside: the graph before it, the gradient at every node while it runs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from types import FrameType
from typing import Any

import torch

from torchmagic.observe import names, values
from torchmagic.observe.graph_facts import Call, data_name, put_names, put_operands
from torchmagic.observe.graph_walk import OpFact, Skeleton, TensorFact, Walk, walk

_MOST_CHECKED = 16  # leaves; where one was not zeroed the others were not either
_CHECKED = 100_000
"""A ``.grad`` of at most this many elements is looked at for gradients of earlier passes."""


@dataclass(slots=True)
class Pass:
    """One backward pass as plain facts.

    Attributes:
        skeleton: the graph it went through, with the gradients that arrived.
        site: file and line of the user's call.
        error: how it ended, where it raised.
        accumulated: leaves that already held a gradient before it.
    """

    skeleton: Skeleton
    site: tuple[str, int]
    error: str = ""
    accumulated: list[TensorFact] = field(default_factory=list)


class PassWatch:
    """Watches the backward passes of one cell; remembers leaf names, which are slow to look up."""

    def __init__(self) -> None:
        self._leaves: dict[int, TensorFact] = {}

    def before(
        self,
        roots: Sequence[torch.Tensor],
        frame: FrameType | None,
        skip: tuple[str, ...],
        calls: Mapping[int, Call],
    ) -> tuple[Walk, Pass]:
        """The live graph and the facts of the pass that is about to run from ``roots``."""
        graph = walk(roots)
        variables = names.frame_variables(frame, skip)
        data_names = self._put_names(graph, variables)
        put_operands(graph, calls, data_names)
        for op in graph.skeleton.ops:
            for fact in op.data:
                tensor = fact.alive()
                if tensor is not None and not fact.name:
                    fact.name = data_name(tensor, data_names)
        held = [fact for fact in graph.skeleton.leaves()[:_MOST_CHECKED] if _holds_gradient(fact)]
        return graph, Pass(graph.skeleton, _site(frame, skip), accumulated=held)

    def _put_names(self, graph: Walk, variables: Sequence[Mapping[str, object]]) -> dict[int, str]:
        data_names: dict[int, str] = {}
        for scope in variables:
            plain = names.plain_tensors(scope)
            put_names(graph, plain)
            for name, value in plain:
                data_names.setdefault(id(value), name)
        leaves = graph.skeleton.leaves()
        data = [fact for op in graph.skeleton.ops for fact in op.data]
        if not all(fact.name or self._named_before(fact) for fact in [*leaves, *data]):
            for scope in variables:
                reached = names.named_tensors(scope)
                put_names(graph, reached)
                for name, tensor in reached:
                    data_names.setdefault(id(tensor), name)
        self._leaves = {id(fact.alive()): fact for fact in leaves}
        return data_names

    def _named_before(self, fact: TensorFact) -> bool:
        known = self._leaves.get(id(fact.alive()))
        if known is None or known.alive() is not fact.alive():
            return False
        fact.name = known.name
        return True


def install(graph: Walk, handles: list[Any], trouble: Callable[[Exception], None]) -> None:
    """Put a reading pre-hook on every node of the graph; the handles go into ``handles`` as they are made."""
    for node, op in zip(graph.nodes, graph.skeleton.ops, strict=True):
        handles.append(node.register_prehook(_reader(op, trouble)))


def _reader(op: OpFact, trouble: Callable[[Exception], None]) -> Callable[[Sequence[torch.Tensor | None]], None]:
    def read(grads: Sequence[torch.Tensor | None]) -> None:
        try:
            with torch._C.DisableTorchFunction():
                for output, grad in enumerate(grads):
                    if grad is not None and output in op.outputs:
                        op.outputs[output].grad = values.read_gradient(grad)
        except Exception as error:
            trouble(error)

    return read


def put_results(graph: Walk, inputs: object, results: object) -> None:
    """Put what ``torch.autograd.grad`` returned on the tensors it was asked about."""
    found = tuple(tensors(results, keep_none=True))
    for tensor, grad in zip(tensors(inputs, keep_none=True), found, strict=False):
        place = graph.place(tensor) if tensor is not None else None
        if place is not None and grad is not None:
            graph.fact(place).grad = values.read_gradient(grad)


def tensors(given: object, keep_none: bool = False) -> Iterable[Any]:
    """The tensors in an argument that is one tensor or a sequence of them."""
    items = given if isinstance(given, (tuple, list)) else (given,)
    for item in items:
        if isinstance(item, torch.Tensor):
            yield item
        elif keep_none:
            yield None


def _holds_gradient(fact: TensorFact) -> bool:
    leaf = fact.alive()
    grad = None if leaf is None else leaf.grad
    if grad is None or grad.numel() > _CHECKED or grad.device.type != "cpu" or not values.readable(grad):
        return False
    with torch.no_grad():
        return bool(grad.detach().any())


def _site(frame: FrameType | None, skip: tuple[str, ...]) -> tuple[str, int]:
    while frame is not None and frame.f_code.co_filename.startswith(skip):
        frame = frame.f_back
    return ("", 0) if frame is None else (frame.f_code.co_filename, frame.f_lineno)
