"""Join results that were computed in the other process to this one's autograd graph, and answer for this one's own.

A backward pass that reaches such a result asks the other side for vector-Jacobian products. Both sides do both: the
judge's tests call functions of the student's, and these may call functions that a test handed to them.
"""

from __future__ import annotations

import functools
import weakref
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import torch
from torch.autograd.function import BackwardCFunction
from torch.autograd.variable import Variable


class Asks(Protocol):
    """The other side, as a result of its computation needs it."""

    def vjp(self, call: int, grads: list[Any], parents: list[torch.Tensor]) -> list[Any]:
        """The vector-Jacobian products of a call's results, one for each of its parents."""

    def forget_call(self, call: int) -> None:
        """No backward pass will ask for this call any more."""

    def graph(self, call: int) -> GraphNode:
        """The graph that a call's first result hangs on, over there."""


@dataclass(frozen=True, slots=True)
class Call:
    """What was computed here for the other side: from which tensors, and what came out."""

    parents: list[torch.Tensor]
    outputs: list[torch.Tensor]


@dataclass
class Calls:
    """The calls that the other side may ask a backward pass through."""

    by_number: dict[int, Call] = field(default_factory=dict)
    last: int = 0

    def remember(self, call: Call) -> int:
        """Keep a call's graph until it is forgotten; gives its number."""
        self.last += 1
        self.by_number[self.last] = call
        return self.last


class _RemoteResult(torch.autograd.Function):
    """Results computed elsewhere, from tensors that are here."""

    @staticmethod
    def forward(ctx: Any, link: _Link, *parents: torch.Tensor) -> Any:
        ctx.link = link
        ctx.set_materialize_grads(False)
        ctx.save_for_backward(*parents)
        data, link.data = link.data, []  # kept, a result would hold on to itself through its own grad_fn
        return tuple(data) if len(data) > 1 else data[0]

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> Any:
        link: _Link = ctx.link
        saved = list(ctx.saved_tensors)
        if link.call is None:
            return (None, *(None for _ in saved))
        results = link.other.vjp(link.call, list(grads), saved)
        for result, tensor in zip(results, saved, strict=True):
            if result is not None and (not isinstance(result, torch.Tensor) or result.shape != tensor.shape):
                raise RuntimeError("the gradient that came back does not have the shape of its input")
        return (None, *results)


class _Link:
    """One call of the other side's: what came of it, and how to ask for its gradients."""

    def __init__(self, other: Asks, call: int | None, data: list[torch.Tensor]) -> None:
        self.other = other
        self.call = call
        self.data = data
        if call is not None:
            weakref.finalize(self, other.forget_call, call).atexit = False


def attach(
    other: Asks, call: int, parents: Sequence[torch.Tensor], data: list[torch.Tensor], names: Sequence[str]
) -> list[torch.Tensor]:
    """The results of a remote call as tensors of this process's graph.

    Args:
        parents: this side's tensors that the results hang on.
        data: the results' elements.
        names: the class names of the results' grad_fn in the other process; each result shows its own.
    """
    with torch.enable_grad():
        if not any(parent.requires_grad for parent in parents):  # that graph ends nowhere that gradients are kept
            other.forget_call(call)
            anchor = torch.zeros((), requires_grad=True)
            return [
                _shown(name).apply(_Link(other, None, [item]), anchor) for item, name in zip(data, names, strict=True)
            ]
        results = _shown(names[0]).apply(_Link(other, call, data), *parents)
    return list(results) if isinstance(results, tuple) else [results]


@functools.lru_cache(maxsize=256)
def _shown(name: str) -> Any:
    """A Function whose grad_fn calls itself ``name``, as it does where the result was computed."""
    function = type("Remote", (_RemoteResult,), {})
    shown = name if name.isidentifier() else "RemoteBackward0"
    node = type(
        shown,
        (BackwardCFunction,),
        {
            "_forward_cls": function,
            "name": lambda self: shown,
            "next_functions": property(_shown_edges),
            "__repr__": lambda self: f"<{shown} object at {id(self):#x}>",
        },
    )
    function._backward_cls = node  # type: ignore[attr-defined]
    return function


_EDGES: Any = torch._C._FunctionBase.__dict__["next_functions"]


def edges(node: Any) -> Any:
    """A node's own ``next_functions``: for a result computed elsewhere not those that it shows."""
    return _EDGES.__get__(node) if isinstance(node, BackwardCFunction) else node.next_functions


def _shown_edges(node: Any) -> Any:
    """What a result computed elsewhere shows as its ``next_functions``: those that it has there."""
    link = node.link
    return edges(node) if link.call is None else link.other.graph(link.call).next_functions


class GraphNode:
    """A node of the other process's graph, to be looked at: its name, where it leads, the leaf it stands for."""

    def __init__(self, name: str, variable: torch.Tensor | None = None) -> None:
        self._name = name
        self.next_functions: tuple[tuple[GraphNode | None, int], ...] = ()
        if variable is not None:
            self.variable = variable

    def name(self) -> str:
        """The node's name, as ``grad_fn.name()`` gives it."""
        return self._name


def describe_graph(root: Any, most: int = 2000) -> list[list[Any]]:
    """A graph as rows of class name, name, leaf or None, and edges (row or None, input number), the root's row first.

    >>> x = torch.ones(1, requires_grad=True)
    >>> [row[0] for row in describe_graph((x * 2).grad_fn)]
    ['MulBackward0', 'AccumulateGrad']
    """
    rows: list[list[Any]] = []
    numbers: dict[Any, int] = {root: 0}
    waiting = [root]
    for node in waiting:
        following = []
        for other, place in edges(node):
            if other is not None and other not in numbers and len(numbers) < most:
                numbers[other] = len(numbers)
                waiting.append(other)
            following.append([numbers.get(other), place])
        rows.append([type(node).__name__, node.name(), getattr(node, "variable", None), following])
    return rows


def graph_of(rows: list[Any]) -> GraphNode:
    """The graph that such rows describe, to be looked at; ValueError or TypeError where they describe none."""
    nodes = [_node_kind(str(kind))(str(name), leaf) for kind, name, leaf, _ in rows]
    for node, (_, _, _, following) in zip(nodes, rows, strict=True):
        node.next_functions = tuple((None if row is None else nodes[row], int(place)) for row, place in following)
    return nodes[0]


@functools.lru_cache(maxsize=256)
def _node_kind(name: str) -> type[GraphNode]:
    return type(name, (GraphNode,), {}) if name.isidentifier() else GraphNode


def vector_jacobian(
    wanted: list[tuple[torch.Tensor, torch.Tensor]], inputs: list[torch.Tensor], *, create: bool
) -> tuple[torch.Tensor | None, ...]:
    """The vector-Jacobian products of outputs, each with its vector, for all inputs together.

    What ``torch.autograd.grad`` does, but for its checks of the vectors, for which it imports sympy (0.3 s in a fresh
    fork): autograd's engine itself refuses vectors that do not fit.

    >>> x = torch.tensor([1.0, 2.0], requires_grad=True)
    >>> vector_jacobian([(x * x, torch.tensor([1.0, 10.0]))], [x], create=False)
    (tensor([ 2., 40.]),)
    """
    outputs, vectors = tuple(out for out, _ in wanted), tuple(vector for _, vector in wanted)
    engine: Any = Variable._execution_engine
    found: tuple[torch.Tensor | None, ...] = engine.run_backward(
        outputs, vectors, True, create, tuple(inputs), allow_unreachable=True, accumulate_grad=False
    )
    return found


def reachable_leaves(outputs: Sequence[torch.Tensor]) -> list[torch.Tensor]:
    """The leaf tensors that gradients of ``outputs`` reach, each once, without recursion.

    >>> w = torch.ones(2, requires_grad=True)
    >>> reachable_leaves([(w * 2).sum()])[0] is w
    True
    """
    waiting = [tensor.grad_fn for tensor in outputs if tensor.grad_fn is not None]
    seen: set[object] = set(waiting)
    leaves: list[torch.Tensor] = []
    while waiting:
        node = waiting.pop()
        variable = getattr(node, "variable", None)
        if isinstance(variable, torch.Tensor) and variable.is_leaf:
            leaves.append(variable)
        for following, _ in edges(node):
            if following is not None and following not in seen:
                seen.add(following)
                waiting.append(following)
    unique = {id(leaf): leaf for leaf in leaves}
    return list(unique.values())
