"""The table of leaves: value, gradient, what is to be said of it, and the step that a learning rate would make."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import torch

from torchmagic.graph_records import GraphRecord, LeafGradient
from torchmagic.observe import values
from torchmagic.observe.cut_facts import Cut
from torchmagic.observe.graph_cut_nodes import Reach, reaching
from torchmagic.observe.graph_cuts import Cuts
from torchmagic.observe.graph_status import Judge
from torchmagic.observe.graph_walk import Skeleton, TensorFact

_MOST = 400
_MOST_RELATIVES = 60


@dataclass(frozen=True)
class Told:
    """What is known beside the graphs.

    Attributes:
        cuts: the cuts that were seen.
        relatives: parameters and leaves that the graphs may lack, with their names.
        reached: ids of leaves that some backward pass of the cell went to.
        older: ids of leaves whose ``.grad`` held something before the cell's first pass.
    """

    cuts: Cuts = field(default_factory=Cuts)
    relatives: Sequence[tuple[str, torch.Tensor]] = ()
    reached: frozenset[int] = frozenset()
    older: frozenset[int] = frozenset()


def put_leaves(record: GraphRecord, skeletons: Sequence[Skeleton], told: Told = Told()) -> GraphRecord:
    """The record with a row for each leaf of its graphs, and for the relatives that they do not contain.

    Args:
        record: as built from ``skeletons``.
        skeletons: its graphs; their facts know the ids of their nodes.
        told: what else is known.
    """
    judge = Judge(record)
    loss = _loss(record)
    rows: dict[int, LeafGradient] = {}
    held: set[int] = set()
    grad_of = {node.id: node.grad_of for node in record.nodes if node.grad_of}
    norms = _norms(fact for skeleton in skeletons for fact in skeleton.leaves())
    for skeleton in skeletons:
        forward = skeleton.ops[skeleton.not_finite].node if skeleton.not_finite >= 0 else ""
        for fact in skeleton.leaves():
            if fact.role == "data" or not fact.node or len(rows) >= _MOST:
                continue
            leaf = fact.alive()
            held.add(id(leaf))
            row = _row(fact, grad_of, norms)
            row = _judged(row, judge, record, skeleton.how, skeleton.error, forward)
            if row.status in ("fine", "vanishing", "exploding") and fact.passes > 1:
                row = replace(row, status="accumulated", why=_sum_of(fact, row.name, id(leaf) in told.older), line=None)
            rows[id(fact.ref)] = row
    reach = reaching(skeletons, told.cuts)
    data = {id(fact.ref): fact.node for s in skeletons for op in s.ops for fact in op.data}
    there = {id(tensor) for _, tensor in told.relatives}
    behind = [leaf for leaf in _behind(reach, record) if id(leaf[1]) not in there]
    known = held | told.reached
    missing = [(name, tensor) for name, tensor in [*told.relatives, *behind] if id(tensor) not in known]
    for name, tensor in missing[:_MOST_RELATIVES]:
        fact = _fact(name, tensor)
        row = _row(fact, {}, _norms([fact]))
        row = replace(row, node=data.get(id(fact.ref), ""))
        if record.backward_ran:
            why, line = _why_missing(tensor, fact, loss, reach, told.cuts)
            row = replace(row, status="none", why=why, line=line)
        else:
            row = replace(row, status="no pass")
        rows[id(fact.ref)] = row
    return replace(record, leaves=tuple(rows.values()))


def with_step(record: GraphRecord, lr: float) -> GraphRecord:
    """The record with what a step of gradient descent, ``old - lr * grad``, would make of each leaf.

    >>> leaf = LeafGradient("w", shape=(2,), values=(1.0, 2.0), grads=(10.0, -10.0), grad_norm=14.14)
    >>> stepped = with_step(GraphRecord((), (), leaves=(leaf,)), 0.1)
    >>> stepped.leaves[0].new_text, stepped.lr
    ('[0, 3]', 0.1)
    """
    return replace(record, lr=lr, leaves=tuple(_stepped(leaf, lr) for leaf in record.leaves))


# -- rows ------------------------------------------------------------------------------------------------


def _is_parameter(tensor: object) -> bool:
    return type(tensor) is torch.nn.Parameter


def _fact(name: str, tensor: torch.Tensor) -> TensorFact:
    from torchmagic.observe.graph_walk import leaf_fact

    fact = leaf_fact(tensor, "parameter" if _is_parameter(tensor) else "leaf")
    fact.name = name
    return fact


def _norms(facts: Iterable[TensorFact]) -> dict[int, float]:
    """The norms of large leaves, by ``id`` of their facts; all are read at once."""
    read: dict[int, float] = {}
    large: dict[torch.device, list[tuple[TensorFact, torch.Tensor]]] = {}
    for fact in facts:
        leaf = fact.alive() if fact.value is None else None
        if leaf is not None and values.readable(leaf) and (leaf.is_floating_point() or leaf.is_complex()):
            large.setdefault(leaf.device, []).append((fact, leaf))
    for found in large.values():
        with torch.no_grad():
            wide = [leaf.detach().float() if leaf.dtype.itemsize < 4 else leaf.detach() for _, leaf in found]
            norms = torch._foreach_norm(wide)
        for (fact, _), norm in zip(found, norms, strict=True):
            read[id(fact)] = float(norm)
    return read


def _row(fact: TensorFact, grad_of: Mapping[str, str], norms: Mapping[int, float]) -> LeafGradient:
    value = fact.value
    grad = fact.grad
    return LeafGradient(
        fact.name,
        fact.node,
        fact.shape,
        fact.dtype,
        parameter=fact.role == "parameter",
        value_text=None if value is None or value.is_norm else value.text(),
        value=None if value is None else value.number(),
        norm=norms.get(id(fact)) if value is None else value.norm(),
        grad_text=None if grad is None else grad.brief(),
        grad=None if grad is None else grad.number(),
        grad_norm=None if grad is None else grad.norm(),
        grad_of=grad_of.get(fact.node, ""),
        passes=fact.passes,
        values=_numbers(value),
        grads=_numbers(grad),
    )


def _numbers(reading: values.Reading | None) -> tuple[float, ...]:
    """The elements of a small real tensor, in the order of rows."""
    if reading is None or reading.is_norm:
        return ()
    found: list[float] = []
    stack = [reading.items()]
    while stack:
        each = stack.pop()
        if isinstance(each, list):
            stack.extend(reversed(each))
        elif isinstance(each, complex):
            return ()
        else:
            found.append(float(each))
    return tuple(found)


def _loss(record: GraphRecord) -> str:
    names = {node.id: node.label for node in record.nodes}
    found = list(dict.fromkeys(names[root] for root in record.roots if names.get(root)))
    return " or ".join(found) if found else "the result"


def _judged(row: LeafGradient, judge: Judge, record: GraphRecord, how: str, error: str, forward: str) -> LeafGradient:
    if row.grad_norm is not None:
        verdict = judge.of(row.node, row.norm, forward)
        if verdict.status == "fine":
            return row
        return replace(row, status=verdict.status, why=verdict.why, line=verdict.line)
    if not record.backward_ran:
        return replace(row, status="no pass")
    if error:
        return replace(row, status="none", why=f"The backward pass stopped before it came here ({error}).")
    if row.grad_text is not None:
        return row  # a kind whose numbers cannot be read
    if how == "grad":
        return replace(row, status="none", why="torch.autograd.grad was not asked for its gradient.")
    if how == "inputs":
        return replace(row, status="none", why="backward(inputs=…) was not asked for its gradient.")
    given = judge.gave_none(row.node)
    if given is not None:
        where = f" on line {given.line}" if given.line else ""
        return replace(row, status="none", why=f"{given.label}{where} gave no gradient for it.", line=given.line)
    return replace(row, status="none", why="No gradient came here.")


def _sum_of(fact: TensorFact, name: str, older: bool) -> str:
    name = name or "its"
    grad = f"{name}.grad" if name != "its" else ".grad"
    at_least = "at least " if older else ""
    since = (
        ", one of them before this cell" if older and fact.passes == 2 else ", some before this cell" if older else ""
    )
    return f"{grad} is the sum of {at_least}{fact.passes} backward passes{since}: it was not zeroed between them."


def _why_missing(
    tensor: torch.Tensor, fact: TensorFact, loss: str, reach: Sequence[Reach], cuts: Cuts
) -> tuple[str, int | None]:
    if not tensor.requires_grad:
        return "requires_grad is False.", None
    own = id(fact.ref)
    by = next((each.cut for each in reach if own in each.cut.leaves), None)
    if by is not None:
        return f"Cut off from {loss} by {by.sentence}.", by.line or None
    left = [cut for cut in cuts.left_torch() if own in cut.leaves]
    if left:
        return f"Not used by {loss}: {left[-1].sentence} took what was computed from it out of torch.", left[-1].line
    return f"Not used by {loss}.", None


def _behind(reach: Sequence[Reach], record: GraphRecord) -> list[tuple[str, torch.Tensor]]:
    """The leaves behind cuts that were hardly meant: those that no ``detach()`` or ``no_grad`` made, or of the root."""
    found: list[tuple[str, torch.Tensor]] = []
    for each in reach:
        if not each.cut.meant or (each.leaf_only and set(each.targets) & set(record.roots)):
            found += named_leaves(each.cut)
    return found


def named_leaves(cut: Cut) -> list[tuple[str, torch.Tensor]]:
    """The leaves behind a cut that are still there and have a name."""
    known = [(cut.names.get(ident, ""), ref()) for ident, ref in cut.leaves.items()]
    return [(name, leaf) for name, leaf in known if name and leaf is not None]


def cut_off_rows(record: GraphRecord, cuts: Sequence[Cut]) -> GraphRecord:
    """The record of a tensor without a graph, with a row for each leaf behind the cuts."""
    ids = {node.label: node.id for node in record.nodes if node.role in ("leaf", "parameter")}
    loss = _loss(record)
    rows: list[LeafGradient] = []
    for cut in cuts:
        for name, leaf in named_leaves(cut)[:_MOST_RELATIVES]:
            fact = _fact(name, leaf)
            row = replace(_row(fact, {}, _norms([fact])), node=ids.get(name, ""))
            why = f"Cut off from {loss} by {cut.sentence}."
            rows.append(replace(row, status="none", why=why, line=cut.line or None))
    return replace(record, leaves=tuple({row.name: row for row in rows}.values()))


# -- steps -----------------------------------------------------------------------------------------------


def _stepped(leaf: LeafGradient, lr: float) -> LeafGradient:
    if leaf.grad_norm is None or leaf.status == "accumulated":
        return leaf  # a step would take the sum in .grad, and not what this pass gave
    step_norm = lr * leaf.grad_norm
    if not leaf.values or len(leaf.values) != len(leaf.grads):
        return replace(leaf, step_norm=step_norm)
    new = [old - lr * grad for old, grad in zip(leaf.values, leaf.grads, strict=True)]
    return replace(
        leaf,
        step_norm=step_norm,
        new=new[0] if len(new) == 1 else None,
        new_text=values.items_text(_shaped(new, leaf.shape or ())),
    )


def _shaped(flat: Sequence[float], shape: Sequence[int]) -> object:
    if not shape:
        return flat[0]
    size = math.prod(shape[1:])
    return [_shaped(flat[i * size : (i + 1) * size], shape[1:]) for i in range(shape[0])]
