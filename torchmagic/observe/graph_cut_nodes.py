"""Put cuts on the record of a graph: where what was cut off takes part as data, or why there is no graph at all."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import torch

from torchmagic.graph_records import GraphEdge, GraphNode, GraphRecord
from torchmagic.observe.cut_facts import Cut, Source
from torchmagic.observe.graph_build import build_record
from torchmagic.observe.graph_cuts import Cuts
from torchmagic.observe.graph_walk import OpFact, Skeleton, TensorFact

_MOST_CUTS = 12
_MOST_SOURCES = 3


@dataclass(slots=True)
class Reach:
    """A cut whose result takes part in a graph.

    Attributes:
        targets: ids of the nodes that what came out became.
        leaf_only: whether it only became a leaf, on which the user asked for gradients again.
    """

    cut: Cut
    targets: list[str] = field(default_factory=list)
    leaf_only: bool = True


def reaching(skeletons: Sequence[Skeleton], cuts: Cuts) -> list[Reach]:
    """The cuts whose results take part in the graphs, with the nodes that they became."""
    found: dict[int, Reach] = {}
    known = cuts.by_reference()
    for skeleton in skeletons if known else ():
        for op in skeleton.ops:
            facts = op.data if op.grad_fn else [op.outputs[0]]
            for fact in facts:
                for cut in known.get(id(fact.ref), ()) if fact.ref is not None and fact.node else ():
                    if cut.quiet and not _is_float(fact):
                        continue  # a mask
                    reach = found.setdefault(id(cut), Reach(cut))
                    reach.leaf_only &= fact.role in ("leaf", "parameter")
                    if fact.node not in reach.targets:
                        reach.targets.append(fact.node)
    for cut in cuts.all():
        if cut.reached and id(cut) not in found:  # what came out is a number, or only a view of it is in the graph
            ids = [_given(skeleton, op) for skeleton in skeletons for op in skeleton.ops if op.key in cut.reached]
            ids = [each for each in dict.fromkeys(ids) if each]
            if ids:
                found[id(cut)] = Reach(cut, ids, leaf_only=False)
    return list(found.values())


def _given(skeleton: Skeleton, op: OpFact) -> str:
    """The node of what an operation was given without gradient, where that is one tensor; else its own."""
    group = [each for each in skeleton.ops if each is op or (op.call is not None and each.call is op.call)]
    data = [fact.node for each in group for fact in each.data if fact.node]
    return data[0] if len(data) == 1 else op.node


def put_cuts(record: GraphRecord, skeletons: Sequence[Skeleton], cuts: Cuts) -> GraphRecord:
    """The record with a node for each cut whose result takes part, between what was cut off and what came out.

    A tensor that the user made a leaf again has its cut drawn where that says why another leaf got no gradient, or
    where it is the root.
    """
    explained = {leaf.line for leaf in record.leaves if leaf.status == "none" and leaf.line is not None}
    chosen = [
        reach
        for reach in reaching(skeletons, cuts)
        if not reach.leaf_only or set(reach.targets) & set(record.roots) or reach.cut.line in explained
    ]
    return draw_cuts(record, skeletons, chosen[:_MOST_CUTS])


def draw_cuts(record: GraphRecord, skeletons: Sequence[Skeleton], chosen: Sequence[Reach]) -> GraphRecord:
    """The record with these cuts as nodes."""
    if not chosen:
        return record
    nodes = list(record.nodes)
    edges = list(record.edges)
    made: dict[int, str] = {}
    for number, reach in enumerate(chosen, 1):
        cut = reach.cut
        ident = f"cut{number}"
        node = GraphNode(ident, "cut", cut.what, detail=cut.why, filename=_shown(cut.filename), line=cut.line or None)
        where = min((i for i, each in enumerate(nodes) if each.id in reach.targets), default=len(nodes))
        before = {each.id for each in nodes[:where]}
        inserted: list[GraphNode] = []
        sources = [known for source in cut.sources if (known := _in_graph(source, skeletons)) in before and known]
        if not sources:
            for source in _distinct(cut.sources):
                key = id(source)
                if key not in made:
                    made[key] = f"{ident}s{len(inserted) + 1}"
                    inserted.append(_source_node(made[key], source))
                sources.append(made[key])
        nodes[where:where] = [*inserted, node]
        edges += [GraphEdge(source, ident) for source in dict.fromkeys(sources)]
        edges += [GraphEdge(ident, target) for target in dict.fromkeys(reach.targets)]
    return replace(record, nodes=tuple(nodes), edges=tuple(edges))


def cut_record(root: TensorFact, cuts: Sequence[Cut], notes: Iterable[str] = ()) -> GraphRecord:
    """The record of a tensor without a graph: what led to the cuts, the cuts, and the tensor."""
    skeletons = [Skeleton(each.skeleton.ops, []) for each in cuts if each.skeleton is not None]
    skeletons = list({id(each.ops): each for each in skeletons}.values())
    root.role = "data"
    skeletons.append(Skeleton([OpFact("", -1, outputs={0: root})], [(0, 0)]))
    record = build_record(skeletons, notes=list(notes))
    nodes = tuple(replace(each, role="result") if each.id == root.node else each for each in record.nodes)
    record = replace(record, nodes=nodes)
    return draw_cuts(record, skeletons, [Reach(cut, [root.node]) for cut in cuts])


def no_graph_note(name: str, cuts: Sequence[Cut], left: Sequence[Cut]) -> str:
    """Why a tensor has no graph, in a sentence.

    >>> cut = Cut("detach()", "detach() gives the values alone, outside the graph.", "", 3)
    >>> no_graph_note("loss", [cut], [])
    'loss has no graph: it was cut off by detach() on line 3.'
    """
    subject = name or "The result"
    if cuts:
        return f"{subject} has no graph: it was cut off by {' and '.join(cut.sentence for cut in cuts[:2])}."
    if left:
        return f"{subject} has no graph: before it, {left[-1].sentence} took values out of torch."
    return f"{subject} has no graph: no tensor that requires gradients led to it."


def name_sources(cuts: Sequence[Cut], named: Mapping[int, str]) -> None:
    """Name what was cut off, and the leaves behind it, after the variables that still hold them."""
    for cut in cuts:
        for ident, ref in cut.leaves.items():
            leaf = ref()
            if leaf is not None and id(leaf) in named:
                cut.names[ident] = named[id(leaf)]
        for source in cut.sources:
            tensor = source.ref()
            if tensor is not None and not source.fact.name:
                source.fact.name = named.get(id(tensor), "")


def _is_float(fact: TensorFact) -> bool:
    return fact.dtype is not None and getattr(torch, fact.dtype, torch.bool).is_floating_point


def _in_graph(source: Source, skeletons: Sequence[Skeleton]) -> str:
    for skeleton in skeletons:
        for op in skeleton.ops:
            if source.key >= 0 and op.key == source.key and source.output in op.outputs:
                return op.outputs[source.output].node
            if source.key < 0 and not op.grad_fn and op.outputs[0].ref is source.ref:
                return op.outputs[0].node
    return ""


def _distinct(sources: Sequence[Source]) -> list[Source]:
    """The last source; of those that are leaves, a few."""
    computed = [each for each in sources if each.key >= 0]
    if computed:
        return computed[-1:]
    leaves = list({id(each.ref): each for each in sources}.values())
    return ([each for each in leaves if each.fact.name] or leaves)[:_MOST_SOURCES]


def _source_node(ident: str, source: Source) -> GraphNode:
    fact = source.fact
    return GraphNode(
        ident,
        "tensor",
        fact.name,
        role=fact.role,
        shape=fact.shape,
        dtype=fact.dtype,
        value_text=None if fact.value is None else fact.value.text(),
        value=None if fact.value is None else fact.value.number(),
    )


def _shown(filename: str) -> str:
    """A file's name; "" for a cell's own code."""
    return "" if filename.startswith("<") or "ipykernel_" in filename else filename
