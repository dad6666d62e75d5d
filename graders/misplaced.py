"""The misconceptions that put right numbers in wrong places: dims, orders, slices, and reductions too many or too few.

Each is made from what is expected and then compared. A rule is only asked where it could not hold by chance: not on
constants, and for an order only from three different values on.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import torch

from graders.misconceptions import CHANGED, ORDER, Case, Finding, distinct, same


def from_places(case: Case) -> Iterator[Finding]:
    """What explains the given numbers as the expected ones in other places, or reduced once too often or too seldom."""
    yield from _lost_dim(case)
    yield from _broadcast(case)
    yield from _not_reduced(case)
    if case.values < 2:  # a constant: everything explains it
        return
    yield from _reduced_again(case)
    yield from _moved(case)
    yield from _cut_short(case)
    yield from _in_another_order(case)


def _lost_dim(case: Case) -> Iterator[Finding]:
    """The same numbers with dims of size 1 lost or added."""
    expected, got = case.expected, case.got
    if expected.shape == got.shape or expected.squeeze().shape != got.squeeze().shape:
        return
    if expected.numel() > 1 and not case.is_given(expected.reshape(got.shape)):
        return
    if expected.numel() == 1 and not case.is_given(expected.reshape(got.shape)):
        return
    if got.dim() < expected.dim():
        yield Finding(
            "keepdim missing", "The numbers are right, but a dim of size 1 is missing: keepdim=True keeps it."
        )
    elif got.dim() > expected.dim():
        yield Finding(
            "dim too many", "The numbers are right, but there is a dim of size 1 too many (keepdim, unsqueeze?)."
        )
    else:
        yield Finding(
            "dim elsewhere", "The numbers are right, but lie in a row where a column is asked, or the reverse."
        )


def _broadcast(case: Case) -> Iterator[Finding]:
    """(n, n) where (n,) or (n, 1) is asked: the right numbers are on the diagonal."""
    flat = case.expected.reshape(-1)
    size = flat.numel()
    if size < 2 or case.values < 2 or case.got.shape != (size, size) or max(case.expected.shape) != size:
        return
    if same(case.got.diagonal(), flat, case.tolerance) and _column_met_row(case.got, case.tolerance):
        said = f"Broadcasting made it ({size}, {size}): a tensor of shape ({size}, 1) met one of shape ({size},)."
        yield Finding(
            "broadcast", said, CHANGED, "Broadcasting made it (n, n): a tensor of shape (n, 1) met one of (n,)."
        )


def _column_met_row(table: torch.Tensor, tolerance: float) -> bool:
    """Whether a column and a row give a square table by a sum or a product."""
    column, row, corner = table[:, :1], table[:1], table[:1, :1]
    return same(column + row - corner, table, tolerance) or same(column * row, table * corner, tolerance)


_REDUCTIONS = {
    "sum": lambda x, dim: x.sum(dim),
    "mean": lambda x, dim: x.mean(dim),
}


def _dims(x: torch.Tensor) -> list[tuple[int, ...]]:
    """The dims that a reduction may have left out: all, or one."""
    everything = tuple(range(x.dim()))
    return [everything, *((dim,) for dim in everything if x.dim() > 1)]


def _not_reduced(case: Case) -> Iterator[Finding]:
    """A reduction is missing: over some dim the given numbers have the expected ones for their sum or mean."""
    if case.truth or not bool(case.expected.any()) or case.got.numel() <= case.expected.numel():
        return
    if distinct(case.got) < 2:
        return
    for (name, reduce), dim in itertools.product(_REDUCTIONS.items(), _dims(case.got)):
        if same(reduce(case.got, dim), case.expected, case.tolerance):
            over = "all elements" if len(dim) == case.got.dim() else f"dim {dim[0]}"
            yield Finding("not reduced", f"The {name} over {over} is missing.")


def _reduced_again(case: Case) -> Iterator[Finding]:
    if case.truth or case.got.numel() >= case.expected.numel() or not bool(case.got.any()):
        return
    for (name, reduce), dim in itertools.product(_REDUCTIONS.items(), _dims(case.expected)):
        once = reduce(case.expected, dim)
        if once.squeeze().shape == case.got.squeeze().shape and case.is_given(once.reshape(case.got.shape)):
            over = "everything" if len(dim) == case.expected.dim() else f"dim {dim[0]}"
            yield Finding(
                "reduced too much", f"It is the {name} over {over} of what is expected: one reduction too many."
            )


def _moved(case: Case) -> Iterator[Finding]:
    """Dims in another order, a reshape for a transpose, a reversed order, a shift by one."""
    expected, dims = case.expected, case.expected.dim()
    if 2 <= dims <= 4:
        for order in itertools.permutations(range(dims)):
            if order != tuple(range(dims)) and case.is_given(expected.permute(order)):
                swapped = [dim for dim in range(dims) if order[dim] != dim]
                if dims == 2:
                    yield Finding("transposed", "It is transposed.")
                elif len(swapped) == 2:
                    yield Finding("dims swapped", f"Dims {swapped[0]} and {swapped[1]} are swapped.")
                else:
                    yield Finding("dims swapped", f"Its dims are in another order: {order} of the expected ones.")
                break
    oblong = dims == 2 and min(expected.shape) > 1 and expected.shape[0] != expected.shape[1]
    if oblong and case.is_given(expected.T.reshape(expected.shape)):
        said = "It was reshaped where it should be transposed: the numbers run on in their old order."
        yield Finding("reshaped", said)
    if oblong and case.is_given(expected.reshape(expected.T.shape)):
        said = "It was reshaped where it should be transposed, or the reverse: the numbers run on in the other order."
        yield Finding("reshaped", said)
    if case.got.shape != expected.shape:
        return
    for dim in range(dims):
        size = expected.shape[dim]
        if size > 1 and case.is_given(expected.flip(dim)):
            yield Finding("reversed", f"It is in reverse order along dim {dim}.")
        if size > 2:
            for by, way in ((1, "later"), (-1, "earlier")):
                if distinct(expected) > 2 and case.is_given(expected.roll(by, dim)):
                    said = f"Along dim {dim} every value comes one place {way}: is an index off by one?"
                    yield Finding("shifted", said)


def _cut_short(case: Case) -> Iterator[Finding]:
    """One too many or too few along a dim: an end of a slice that is off by one."""
    expected, got = case.expected, case.got
    if expected.dim() != got.dim():
        return
    differing = [dim for dim in range(expected.dim()) if expected.shape[dim] != got.shape[dim]]
    if len(differing) != 1:
        return
    dim = differing[0]
    longer, shorter = (expected, got) if expected.shape[dim] > got.shape[dim] else (got, expected)
    if longer.shape[dim] != shorter.shape[dim] + 1 or distinct(shorter) < 2:
        return
    for start, which in ((0, "last"), (1, "first")):
        if same(longer.narrow(dim, start, shorter.shape[dim]), shorter, case.tolerance):
            what = "is missing" if longer is expected else "is one too many"
            why = "a slice ends before its second number" if which == "last" else "indices count from 0"
            yield Finding("off by one", f"Along dim {dim} the {which} one {what}: {why}.")


def _in_another_order(case: Case) -> Iterator[Finding]:
    """The right rows, or columns, in another order."""
    expected, got = case.expected, case.got
    if expected.shape != got.shape or expected.is_complex():
        return
    for dim, what in ((0, "rows" if expected.dim() > 1 else "numbers"), (1, "columns")):
        if dim >= expected.dim():
            continue
        right, mine = _rows(expected, dim), _rows(got, dim)
        enough = 5 if case.whole and expected.dim() == 1 else 3
        if len(set(right)) < max(enough, len(right)):  # among equal ones any order is right
            continue
        one, other = (torch.tensor(sorted(rows), dtype=torch.float64) for rows in (right, mine))
        if same(one, other, case.tolerance):
            yield Finding("shuffled", f"The {what} are right, but in another order.", ORDER)


def _rows(x: torch.Tensor, dim: int) -> list[tuple[float, ...]]:
    return [tuple(row.reshape(-1).tolist()) for row in x.unbind(dim)]
