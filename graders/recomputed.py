"""The misconceptions that show when an answer is computed again from its inputs: another dim, reduction or term.

Each input is put through a table of operations. Where one of them gives what is expected, and another that differs in
one respect gives what was given, that respect is the misconception.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import torch

from graders.misconceptions import RECOMPUTED, Case, Finding, distinct, same
from graders.recombined import from_two

_MOST_DIMS = 4
_MOST_SELECTED = 32


@dataclass(frozen=True, slots=True)
class Step:
    """An operation on one input: what, of which, over which dim, keeping it or not, at which index."""

    op: str
    of: str
    dim: int | None = None
    keepdim: bool = False
    index: int | None = None


_REDUCE: Mapping[str, Callable[..., torch.Tensor]] = {
    "sum": torch.sum,
    "mean": torch.mean,
    "max": torch.amax,
    "min": torch.amin,
    "variance": lambda x, dim, keepdim: x.var(dim, keepdim=keepdim),
    "variance with n": lambda x, dim, keepdim: x.var(dim, correction=0, keepdim=keepdim),
    "standard deviation": lambda x, dim, keepdim: x.std(dim, keepdim=keepdim),
    "standard deviation with n": lambda x, dim, keepdim: x.std(dim, correction=0, keepdim=keepdim),
    "norm": lambda x, dim, keepdim: torch.linalg.vector_norm(x, dim=dim, keepdim=keepdim),
    "product": lambda x, dim, keepdim: x.prod(dim, keepdim=keepdim),
    "median": lambda x, dim, keepdim: x.median(dim, keepdim=keepdim).values,
    "position of the max": lambda x, dim, keepdim: x.argmax(dim, keepdim=keepdim).double(),
    "position of the min": lambda x, dim, keepdim: x.argmin(dim, keepdim=keepdim).double(),
    "logsumexp": torch.logsumexp,
}
_ALL_DIMS = {"sum", "mean", "max", "min", "norm", "logsumexp"} | {
    f"{what}{how}" for what in ("variance", "standard deviation") for how in ("", " with n")
}
_ALONG: Mapping[str, Callable[[torch.Tensor, int], torch.Tensor]] = {
    "softmax": lambda x, dim: x.softmax(dim),
    "log-softmax": lambda x, dim: x.log_softmax(dim),
    "running sum": lambda x, dim: x.cumsum(dim),
    "sorted values": lambda x, dim: x.sort(dim).values,
    "values sorted downwards": lambda x, dim: x.sort(dim, descending=True).values,
    "order of the values": lambda x, dim: x.argsort(dim).double(),
    "order of the values downwards": lambda x, dim: x.argsort(dim, descending=True).double(),
    "share of the sum": lambda x, dim: x / x.sum(dim, keepdim=True),
    "difference from the mean": lambda x, dim: x - x.mean(dim, keepdim=True),
    "share of the norm": lambda x, dim: x / torch.linalg.vector_norm(x, dim=dim, keepdim=True),
    "standardised": lambda x, dim: (x - x.mean(dim, keepdim=True)) / x.std(dim, keepdim=True),
    "standardised with n": lambda x, dim: (x - x.mean(dim, keepdim=True)) / x.std(dim, correction=0, keepdim=True),
}
#: Operations that one number alone has no result for.
_SPREAD = {"variance", "standard deviation", "standardised"}
_EACH: Mapping[str, Callable[[torch.Tensor], torch.Tensor]] = {
    "natural logarithm": torch.log,
    "logarithm to base 2": torch.log2,
    "logarithm to base 10": torch.log10,
    "exp": torch.exp,
    "square": torch.square,
    "square root": torch.sqrt,
    "relu": torch.relu,
    "sigmoid": torch.sigmoid,
    "tanh": torch.tanh,
}


def from_inputs(case: Case, inputs: Mapping[str, torch.Tensor]) -> Iterator[Finding]:
    """What explains the given numbers from the inputs that the expected ones came from."""
    if case.expected.is_complex() or any(item.is_complex() for item in inputs.values()):
        return
    given = {name: item.double() for name, item in inputs.items()}
    yield from _unchanged(case, given)
    yield from _left_out(case, given)
    steps = list(_closest(case, given))
    if len({sentence for sentence, _ in steps}) == 1:
        yield Finding(steps[0][1], steps[0][0], RECOMPUTED)
    yield from from_two(case, given)


def _unchanged(case: Case, inputs: Mapping[str, torch.Tensor]) -> Iterator[Finding]:
    for name, item in inputs.items():
        if item.numel() > 1 and distinct(item) > 1 and case.is_given(item):
            yield Finding("unchanged", f"It is `{name}` itself, unchanged.", RECOMPUTED)


def _left_out(case: Case, inputs: Mapping[str, torch.Tensor]) -> Iterator[Finding]:
    """A term that is missing, such as a bias, or that was added twice or with the wrong sign."""
    if len(inputs) < 2 or case.got.shape != case.expected.shape or case.expected.numel() < 2:
        return
    for name, item in inputs.items():
        if not bool(item.any()) or not _broadcasts(item, case.expected):
            continue
        if case.is_given(case.expected - item):
            yield Finding("no bias", f"`{name}` is not added.", RECOMPUTED)
        elif case.is_given(case.expected - 2 * item):
            yield Finding("sign of a term", f"`{name}` is subtracted where it should be added.", RECOMPUTED)
        elif case.is_given(case.expected + item):
            yield Finding("extra term", f"`{name}` is added once too often, or not subtracted.", RECOMPUTED)
        elif case.is_given(case.expected + 2 * item):
            yield Finding("sign of a term", f"`{name}` is added where it should be subtracted.", RECOMPUTED)


def _broadcasts(item: torch.Tensor, to: torch.Tensor) -> bool:
    try:
        return bool(torch.broadcast_shapes(item.shape, to.shape) == to.shape)
    except RuntimeError:
        return False


def _slices(name: str, x: torch.Tensor, dim: int, shape: torch.Size) -> Iterator[tuple[Step, torch.Tensor]]:
    """Every slice of one dim that has the shape of what is expected."""
    if len(shape) == x.dim() and shape[:dim] == x.shape[:dim] and shape[dim + 1 :] == x.shape[dim + 1 :]:
        for start in range(min(x.shape[dim] - shape[dim] + 1, _MOST_SELECTED)):
            yield Step("slice", name, dim, index=start), x.narrow(dim, start, shape[dim])


def _steps(name: str, x: torch.Tensor, shape: torch.Size) -> Iterator[tuple[Step, torch.Tensor]]:
    """Every operation of the tables on one input; ``shape`` is that of what is expected."""
    if not x.numel() or x.dim() > _MOST_DIMS:
        return
    for op, each in _EACH.items():
        yield Step(op, name), each(x)
    for dim, keepdim in itertools.product((None, *range(x.dim())), (False, True)):
        over = tuple(range(x.dim())) if dim is None else dim
        size = x.numel() if dim is None else x.shape[dim]
        for op, reduce in _REDUCE.items():
            if x.dim() and (dim is not None or op in _ALL_DIMS) and (size > 1 or op not in _SPREAD):
                yield Step(op, name, dim, keepdim), reduce(x, dim=over, keepdim=keepdim)
    for dim in range(x.dim()):
        for op, along in _ALONG.items():
            if x.shape[dim] < 2 and op in _SPREAD:
                continue
            yield Step(op, name, dim), along(x, dim)
        if x.dim() > 1 or x.numel() > 2:
            yield from _slices(name, x, dim, shape)
            for index in range(min(x.shape[dim], _MOST_SELECTED)):
                yield Step("select", name, dim, index=index), x.select(dim, index)


def _closest(case: Case, inputs: Mapping[str, torch.Tensor]) -> Iterator[tuple[str, str]]:
    """The pairs of a right and a given operation that differ least, each as a sentence and its kind."""
    right: list[Step] = []
    mine: list[Step] = []
    for name, item in inputs.items():
        for step, made in _steps(name, item, case.expected.shape):
            if same(made, case.expected, case.tolerance):
                right.append(step)
            if case.is_given(made):
                mine.append(step)
    pairs = itertools.product(right, mine)
    named = [found for one, other in pairs for found in _between(one, other)]
    least = min((cost for cost, _, _ in named), default=0)
    for cost, said, kind in dict.fromkeys(named):
        if cost == least:
            yield said, kind


_VALUE_AND_PLACE = {"position of the max": "max", "position of the min": "min", "order of the values": "sorted values"}


def _between(right: Step, mine: Step) -> Iterator[tuple[int, str, str]]:
    """What a student mistook who did one thing in place of another: how far apart they are, a sentence, its kind."""
    if right.of != mine.of or right == mine:
        return
    if "slice" in (right.op, mine.op):
        if right.op == mine.op and right.dim == mine.dim and abs(int(right.index or 0) - int(mine.index or 0)) == 1:
            way = "early" if int(mine.index or 0) < int(right.index or 0) else "late"
            yield 1, f"The slice of `{mine.of}` begins one place too {way} along dim {mine.dim}.", "off by one"
        return
    if "select" in (right.op, mine.op):
        if right.op == mine.op and right.dim == mine.dim and abs(int(right.index or 0) - int(mine.index or 0)) == 1:
            said = f"Along dim {mine.dim} of `{mine.of}` it is index {mine.index}, and the one beside it is asked"
            yield 1, f"{said}: they count from 0.", "off by one"
        elif right.op == mine.op and right.dim != mine.dim and right.index == mine.index:
            said = f"It is index {mine.index} along dim {mine.dim} of `{mine.of}`, where dim {right.dim} is asked."
            yield 1, said, "wrong dim"
        return
    if right.op == mine.op:
        if right.dim == mine.dim:
            return  # keepdim: the shapes tell it
        yield 1 + (right.keepdim != mine.keepdim), _wrong_dim(right, mine), "wrong dim"
        return
    if right.dim != mine.dim or right.keepdim != mine.keepdim:
        return
    over = f" of `{mine.of}`"
    if mine.op == f"{right.op} with n" or right.op == f"{mine.op} with n":
        given, asked = ("n", "n - 1") if mine.op.endswith("with n") else ("n - 1", "n")
        what = right.op.removesuffix(" with n")
        what = "standard deviation" if what == "standardised" else what
        yield 1, f"The {what} is divided by {given} where {asked} is asked (correction).", "degrees of freedom"
    elif _VALUE_AND_PLACE.get(right.op) == mine.op:
        yield 1, f"It is the {mine.op}{over}, where its position is asked.", "values for positions"
    elif _VALUE_AND_PLACE.get(mine.op) == right.op:
        yield 1, f"It is the {mine.op}{over}, where the value there is asked.", "positions for values"
    else:
        kind = "log base" if "logarithm" in right.op and "logarithm" in mine.op else f"{mine.op} for {right.op}"
        yield 2, f"It is the {mine.op}{over}, where the {right.op} is asked.", kind


def _wrong_dim(right: Step, mine: Step) -> str:
    what = "standardised values" if mine.op.startswith("standardised") else mine.op
    given = "everything" if mine.dim is None else f"dim {mine.dim}"
    asked = "all of it" if right.dim is None else f"dim {right.dim}"
    return f"It is the {what} of `{mine.of}` over {given}, where {asked} is asked."
