"""What is kept of a call that cuts the graph: where it is, what it cut off, and what led there."""

from __future__ import annotations

import weakref
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any

import torch

from torchmagic.observe import names
from torchmagic.observe.graph_facts import Call, put_calls, put_names, put_operands
from torchmagic.observe.graph_walk import Skeleton, TensorFact, leaf_fact, walk

SKIP = (str(Path(torch.__file__).parent), str(Path(__file__).parents[1]), "<frozen", "<eval_with_key>")
"""How the names of files start that hold no code of the user's."""

MOST_SOURCES = 8
_MOST_LEAVES = 2_000
_MOST_WALKED = 5_000
_MOST_DRAWN = 150


@dataclass(slots=True, eq=False)
class Source:
    """A tensor that was cut off: its node's sequence number and which output, or the leaf itself, weakly."""

    key: int
    output: int
    ref: weakref.ref[torch.Tensor]
    fact: TensorFact


@dataclass(slots=True, eq=False)
class Cut:
    """One place in the user's code that cuts, however often it ran.

    Attributes:
        what: ``"detach()"``, ``"no_grad"``, ``"to int64"``.
        why: a sentence on it.
        filename, line: of the user's code.
        quiet: whether it is ordinary unless it explains why something has no gradient.
        meant: whether it is there to cut, as ``detach()`` is.
        count: how often it ran.
        sources: what it cut off, the last ones.
        leaves: the leaves that the sources were computed from, as far as was looked, by ``id`` of the weak reference.
        names: the names of ``leaves``.
        skeleton: the graph of a source, where that is small.
        reached: sequence numbers of operations of a graph that were given what came out.
    """

    what: str
    why: str
    filename: str
    line: int
    quiet: bool = False
    meant: bool = False
    count: int = 0
    sources: list[Source] = field(default_factory=list)
    leaves: dict[int, weakref.ref[torch.Tensor]] = field(default_factory=dict)
    names: dict[int, str] = field(default_factory=dict)
    skeleton: Skeleton | None = None
    reached: set[int] = field(default_factory=set)

    @property
    def sentence(self) -> str:
        """What cut and where, for the middle of a sentence."""
        return f"{self.what} on line {self.line}" if self.line else self.what


def note_sources(cut: Cut, sources: Sequence[torch.Tensor], frame: FrameType | None, calls: Mapping[int, Call]) -> None:
    """Keep what was cut off; what led to it is looked at the 1st, 2nd, 4th, 8th … time, as graphs may be large."""
    closely = cut.count & (cut.count - 1) == 0
    variables: list[dict[str, object]] | None = None
    for tensor in sources[:MOST_SOURCES]:
        node = tensor.grad_fn
        ref = weakref.ref(tensor)
        if node is None:
            if len(cut.leaves) < _MOST_LEAVES:
                cut.leaves[id(ref)] = ref
            if any(source.ref is ref for source in cut.sources):
                continue
        fact = leaf_fact(tensor, "intermediate" if node is not None else None)
        if closely:
            if variables is None:
                variables = names.frame_variables(frame, SKIP)
            fact.name = _name(tensor, variables)
            if node is not None:
                _look_behind(cut, tensor, variables, calls)
        key = -1 if node is None else node._sequence_nr()
        cut.sources.append(Source(key, tensor.output_nr if node is not None else 0, ref, fact))
    del cut.sources[:-MOST_SOURCES]


def _look_behind(
    cut: Cut, tensor: torch.Tensor, variables: Sequence[Mapping[str, object]], calls: Mapping[int, Call]
) -> None:
    """Which leaves led there; and how, where that is a small graph."""
    stack = [tensor.grad_fn]
    seen: set[Any] = set(stack)
    while stack and len(seen) < _MOST_WALKED:
        node: Any = stack.pop()
        leaf = getattr(node, "variable", None) if type(node).__name__ == "AccumulateGrad" else None
        if leaf is not None and len(cut.leaves) < _MOST_LEAVES:
            ref = weakref.ref(leaf)
            cut.leaves[id(ref)] = ref
        for following, _ in node.next_functions:
            if following is not None and following not in seen:
                seen.add(following)
                stack.append(following)
    if len(seen) > _MOST_DRAWN:
        return
    graph = walk([tensor])
    put_calls(graph, calls)
    data: dict[int, str] = {}
    for scope in variables:
        reached = names.named_tensors(scope)
        put_names(graph, reached)
        for name, each in reached:
            data.setdefault(id(each), name)
    put_operands(graph, data)
    for op in graph.skeleton.ops:
        for fact in op.data:
            alive = fact.alive()
            fact.name = fact.name or (data.get(id(alive), "") if alive is not None else "")
    cut.skeleton = graph.skeleton


def _name(tensor: torch.Tensor, variables: Sequence[Mapping[str, object]]) -> str:
    for scope in variables:
        for name, value in names.plain_tensors(scope):
            if value is tensor:
                return name
    if tensor.grad_fn is None:
        for scope in variables:
            for name, value in names.named_tensors(scope):
                if value is tensor:
                    return name
    return ""
