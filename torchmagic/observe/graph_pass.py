"""One backward pass, seen from outside: the graph before it, the gradient at every node while it runs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any

import torch

from torchmagic.observe import names, values
from torchmagic.observe.graph_facts import Call, data_name, put_calls, put_names, put_operands
from torchmagic.observe.graph_groups import name_modules, name_parameters
from torchmagic.observe.graph_unannounced import call_at_end
from torchmagic.observe.graph_walk import OpFact, Place, Skeleton, TensorFact, Walk, folded_transposes, walk

_SKIP = (str(Path(torch.__file__).parent), str(Path(__file__).parents[1]), "<eval_with_key>")
_MOST_HELD = 8 << 20
"""Gradients of at most so many bytes together are held until the pass has ended."""

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
        calls: Mapping[int, Call],
        trouble: Callable[[Exception], None],
    ) -> LivePass:
        """The live graph and the facts of the pass that is about to run from ``roots``."""
        graph = walk(roots)
        put_calls(graph, calls)
        variables = names.frame_variables(frame, _SKIP)
        data_names = self._put_names(graph, variables)
        put_operands(graph, data_names)
        for op in graph.skeleton.ops:
            for fact in op.data:
                if not fact.name:
                    tensor = fact.alive()
                    if tensor is not None:
                        fact.name = data_name(tensor, data_names)
        held = [fact for fact in graph.skeleton.leaves()[:_MOST_CHECKED] if _holds_gradient(fact)]
        return LivePass(graph, Pass(graph.skeleton, _site(frame), accumulated=held), roots, trouble)

    def _put_names(self, graph: Walk, variables: Sequence[Mapping[str, object]]) -> dict[int, str]:
        data_names: dict[int, str] = {}
        for scope in variables:
            plain = names.plain_tensors(scope)
            put_names(graph, plain)
            for name, value in plain:
                data_names.setdefault(id(value), name)
        name_modules(graph.skeleton, variables)
        name_parameters(graph)
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


class LivePass:
    """Hooks on one live graph that read the gradients of one pass. Drop it before the user goes on.

    Gradients of small graphs are only held by the hooks, and read after the pass; those of large ones, and of
    graphs in which the user's code runs, are read as they arrive. A leaf's gradient is its ``.grad`` afterwards,
    where that held nothing before: held, it would have to be copied.
    """

    def __init__(
        self, graph: Walk, seen: Pass, roots: Sequence[torch.Tensor], trouble: Callable[[Exception], None]
    ) -> None:
        self.seen = seen
        self._on_cpu = all(root.device.type == "cpu" for root in roots)
        self.graph = graph
        self._trouble = trouble
        self._handles: list[Any] = []
        self._roots = roots
        self._leaves: list[tuple[TensorFact, torch.Tensor]] = []
        self._held: list[tuple[OpFact, list[Any]]] = []

    def install(self, *, accumulates: bool) -> None:
        """Put the hooks on; ``accumulates`` where the pass writes to ``.grad`` of leaves."""
        graph, handles = self.graph, self._handles
        at_once = any(hasattr(kind, "_forward_cls") for kind in set(map(type, graph.nodes)))
        computed: list[tuple[Any, OpFact]] = []
        size = 0
        for node, op in zip(graph.nodes, graph.skeleton.ops, strict=True):
            if op.grad_fn:
                computed.append((node, op))
                for fact in op.outputs.values():
                    size += fact.nbytes or 0
                continue
            leaf = node.variable if accumulates and type(node).__name__ == "AccumulateGrad" else None
            if leaf is None:
                continue
            if leaf._post_accumulate_grad_hooks:
                at_once = True
            elif leaf.grad is None:
                self._leaves.append((op.outputs[0], leaf))
                continue
            handles.append(node.register_prehook(self._reader(op)))
        shared = _shared(graph)
        at_once = at_once or size > _MOST_HELD or not self._on_cpu
        folded = folded_transposes(graph.skeleton)
        for number, (node, op) in enumerate(computed, len(graph.nodes) - len(computed)):
            if number in folded:  # not drawn
                pass
            elif at_once:
                handles.append(node.register_prehook(self._reader(op)))
            else:
                arrived: list[Any] = []
                handles.append(node.register_prehook(arrived.append))
                self._held.append((op, arrived))
            numbers = [index for index, place in enumerate(op.inputs) if place in shared] if shared else None
            if numbers:
                handles.append(node.register_hook(self._edge_reader(op, numbers)))

    def at_end(self, ended: Callable[[], None]) -> None:
        """Have ``ended`` called when the pass has done its work, by a hook that goes with the others."""
        self._handles += call_at_end(self._roots, ended)

    def _reader(self, op: OpFact) -> Callable[[Sequence[torch.Tensor | None]], None]:
        def read(grads: Sequence[torch.Tensor | None]) -> None:
            try:
                with torch._C.DisableTorchFunction():
                    _put_gradients(op, grads)
            except Exception as error:
                self._trouble(error)

        return read

    def _edge_reader(self, op: OpFact, numbers: Sequence[int]) -> Callable[[Sequence[Any], Sequence[Any]], None]:
        found: dict[int, values.Reading | None] = dict.fromkeys(numbers)
        op.edge_grads = found

        def read(grads: Sequence[torch.Tensor | None], _: Sequence[torch.Tensor | None]) -> None:
            try:
                with torch._C.DisableTorchFunction():
                    for number in numbers:
                        grad = grads[number] if number < len(grads) else None
                        found[number] = None if grad is None else values.read_gradient(grad)
            except Exception as error:
                self._trouble(error)

        return read

    def finish(self) -> None:
        """Take the hooks off, also where the user interrupts that, and read what was not read yet."""
        interrupt: BaseException | None = None
        handles = self._handles
        while handles:
            try:
                while handles:
                    handles[-1].remove()
                    handles.pop()
            except BaseException as error:  # noqa: PERF203
                interrupt = error
        try:
            with torch.no_grad():
                found = [(fact, leaf.grad) for fact, leaf in self._leaves]
                for op, arrived in self._held:
                    if arrived:
                        found += [(op.outputs[n], grad) for n, grad in enumerate(arrived[-1]) if n in op.outputs]
                facts = [fact for fact, grad in found if grad is not None]
                readings = values.read_gradients([grad for _, grad in found if grad is not None])
                for fact, reading in zip(facts, readings, strict=True):
                    fact.grad = reading
        except Exception as error:
            self._trouble(error)
        finally:
            self._held.clear()
            self._leaves.clear()
        if interrupt is not None:
            raise interrupt

    def put_results(self, inputs: object, results: object) -> None:
        """Put what ``torch.autograd.grad`` returned on the tensors it was asked about."""
        graph = self.graph
        found = tuple(tensors(results, keep_none=True))
        for tensor, grad in zip(tensors(inputs, keep_none=True), found, strict=False):
            place = graph.place(tensor) if tensor is not None else None
            if place is not None and grad is not None:
                graph.fact(place).grad = values.read_gradient(grad)


def _put_gradients(op: OpFact, grads: Sequence[torch.Tensor | None]) -> None:
    outputs = op.outputs
    for output, grad in enumerate(grads):
        if grad is not None and output in outputs:
            outputs[output].grad = values.read_gradient(grad)


def _shared(graph: Walk) -> set[Place | None]:
    """The tensors whose gradient is the sum of several: of those that several operations, or a root, gave it."""
    used: set[Place | None] = set(graph.skeleton.roots)
    shared: set[Place | None] = set()
    for op in graph.skeleton.ops:
        for place in op.inputs:
            if place in used:
                shared.add(place)
            else:
                used.add(place)
    shared.discard(None)
    return shared


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


def _site(frame: FrameType | None) -> tuple[str, int]:
    while frame is not None and frame.f_code.co_filename.startswith(_SKIP):
        frame = frame.f_back
    return ("", 0) if frame is None else (frame.f_code.co_filename, frame.f_lineno)
