"""The misconceptions that an expected and a given tensor tell by themselves: each made from what is right, then compared.

A rule gives for what is expected the answers that come out under one misconception. A rule is only asked where its
answer could not have come about by chance: not on constants, and with a free number or order only from three values on.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from dataclasses import dataclass

import torch

#: How specific a finding is: the lowest rank is said.
RECOMPUTED, CHANGED, NAMED_FACTOR, FACTOR, ORDER = range(5)


@dataclass(frozen=True, slots=True)
class Finding:
    """A misconception that gives exactly the numbers that were given.

    Attributes:
        kind: a stable word for it (``"transposed"``).
        sentence: what to tell the student.
        rank: how specific it is; lower is more so.
        hidden: what to tell of a hidden test, where the sentence itself would give a number away.
    """

    kind: str
    sentence: str
    rank: int = CHANGED
    hidden: str = ""

    @property
    def redacted(self) -> str:
        """The sentence for a hidden test."""
        return self.hidden or self.sentence


@dataclass(frozen=True, slots=True)
class Case:
    """What is expected and what was given, as numbers that compare.

    Attributes:
        expected, got: float64 or complex128; of equal kind.
        whole: whether what is expected holds whole numbers by its dtype; ``truth`` whether True and False.
        given_whole: whether what was given does.
        tolerance: relative, of the less exact dtype of the two.
        sizes: sizes of dims, of what is expected and of the inputs, that a mean may have divided by.
        gradient: whether it is a gradient.
    """

    expected: torch.Tensor
    got: torch.Tensor
    whole: bool
    truth: bool
    given_whole: bool
    tolerance: float
    sizes: tuple[int, ...] = ()
    gradient: bool = False
    values: int = 0

    def is_given(self, candidate: torch.Tensor) -> bool:
        """Whether that is what was given."""
        return same(candidate, self.got, self.tolerance)


def same(one: torch.Tensor, other: torch.Tensor, tolerance: float) -> bool:
    """Equal in shape and, but for rounding, in every number; NaN and infinities are equal to nothing."""
    if one.shape != other.shape:
        return False
    if not one.numel():
        return False
    size = float(torch.maximum(one.abs().max(), other.abs().max()))
    if not math.isfinite(size):
        return False
    kind = torch.promote_types(one.dtype, other.dtype)
    return bool(torch.isclose(one.to(kind), other.to(kind), rtol=tolerance, atol=tolerance * size / 10).all())


def distinct(x: torch.Tensor) -> int:
    """How many different numbers there are.

    >>> distinct(torch.tensor([1.0, 2.0, 1.0]))
    2
    """
    return len(set(x.reshape(-1).tolist()))


def from_answer(case: Case) -> Iterator[Finding]:
    """What explains the given numbers from the expected ones alone."""
    yield from _lost_dim(case)
    if case.got.dim() == case.expected.dim() + 1 or case.got.dim() == case.expected.dim() == 2:
        yield from _broadcast(case)
    if case.got.numel() > 1:
        yield from _not_reduced(case)
    if case.values < 2:  # a constant: everything explains it, but for a gradient, of which a factor tells enough
        if case.gradient and case.got.shape == case.expected.shape and bool(case.expected.any()):
            yield from _gradient(case)
        return
    yield from _reduced_again(case)
    yield from _moved(case)
    yield from _cut_short(case)
    yield from _in_another_order(case)
    if case.truth:
        if case.expected.numel() > 2 and case.is_given(1 - case.expected):
            yield Finding("opposite", "Every answer is the opposite one: is a comparison the wrong way round?")
        return
    if case.got.shape == case.expected.shape:
        yield from _changed(case)
        yield from _by_a_factor(case)
        yield from _by_an_amount(case)


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
    if same(case.got.diagonal(), flat, case.tolerance):
        said = f"Broadcasting made it ({size}, {size}): a tensor of shape ({size}, 1) met one of shape ({size},)."
        yield Finding(
            "broadcast", said, CHANGED, "Broadcasting made it (n, n): a tensor of shape (n, 1) met one of (n,)."
        )


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
    if dims == 2 and min(expected.shape) > 1 and case.is_given(expected.T.reshape(expected.shape)):
        said = "It was reshaped where it should be transposed: the numbers run on in their old order."
        yield Finding("reshaped", said)
    if dims == 2 and min(expected.shape) > 1 and case.is_given(expected.reshape(expected.T.shape)):
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
                here = expected.narrow(dim, 0 if by > 0 else 1, size - 1)
                there = case.got.narrow(dim, 1 if by > 0 else 0, size - 1)
                if distinct(here) > 2 and same(here, there, case.tolerance):
                    said = f"Along dim {dim} every value comes one place {way}: is an index off by one (they count from 0)?"
                    yield Finding("off by one", said)


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


def _gradient(case: Case) -> Iterator[Finding]:
    """What tells enough of a gradient even where it is one number."""
    if not bool(case.got.any()):
        why = "did the result lose its connection to this input, or was the gradient zeroed too late?"
        yield Finding("zero", f"It is zero: {why}")
    elif case.is_given(-case.expected):
        yield Finding("sign", "The sign is flipped.")
    else:
        yield from _by_a_factor(case)


def _changed(case: Case) -> Iterator[Finding]:
    """Each number changed in the same way."""
    expected = case.expected
    if case.gradient and not bool(case.got.any()):
        yield from _gradient(case)
        return
    if case.is_given(-expected):
        yield Finding("sign", "The sign is flipped.")
        return
    if expected.is_complex():
        return
    if case.is_given(expected.abs()):
        yield Finding("absolute", "The sign is lost: each value is the distance from 0 of the expected one.")
    if not bool((expected == expected.round()).all()):
        why = "was an integer dtype or // used?"
        if case.is_given(expected.trunc()) or case.is_given(expected.floor()):
            yield Finding("integer", f"The fractions are cut off: {why}")
        elif case.is_given(expected.round()):
            yield Finding("integer", "It is rounded to whole numbers: was an integer dtype or round() used?")
    if not bool(case.got.any()):
        return
    if case.is_given(expected**2):
        yield Finding("squared", "It is the square of what is expected: is a square root missing?")
    if bool((expected >= 0).all()):
        if case.is_given(expected.sqrt()):
            yield Finding(
                "root", "It is the square root of what is expected: is there one too many, or a square missing?"
            )
        if bool((expected > 0).all()) and case.is_given(expected.log()):
            yield Finding("log", "It is the logarithm of what is expected: one log too many?")
    if case.is_given(expected.exp()):
        yield Finding("exp", "It is exp() of what is expected: is a log missing?")
    if bool((expected != 0).all()) and case.is_given(1 / expected):
        yield Finding("reciprocal", "Each value is 1 divided by the expected one: is a fraction upside down?")
    if bool(((expected >= 0) & (expected <= 1)).all()) and case.is_given(1 - expected):
        yield Finding("opposite", "Each value is 1 minus the expected one.")


_BASES = {
    math.log2(math.e): "the logarithm to base 2 where the natural one is asked",
    math.log10(math.e): "the logarithm to base 10 where the natural one is asked",
    math.log(2): "the natural logarithm where the one to base 2 is asked",
    math.log(10): "the natural logarithm where the one to base 10 is asked",
    math.log2(10): "the logarithm to base 2 where the one to base 10 is asked",
    math.log10(2): "the logarithm to base 10 where the one to base 2 is asked",
}
_COUNTS = (2, 3, 4, 5, 10, 100)


def _by_a_factor(case: Case) -> Iterator[Finding]:
    """All numbers times the same one."""
    expected = case.expected
    largest = expected.abs().reshape(-1).argmax()
    ratio = (case.got.reshape(-1)[largest] / expected.reshape(-1)[largest]).item()
    if isinstance(ratio, complex) or not ratio or abs(ratio) == 1 or not case.is_given(ratio * expected):
        return
    for factor, said in _BASES.items():
        if math.isclose(ratio, factor, rel_tol=case.tolerance):
            yield Finding("log base", f"It is {said}.", NAMED_FACTOR)
            return
    for size in case.sizes:
        for power, of in ((1.0, "variance"), (0.5, "standard deviation")):
            for wrong, right in ((size, size - 1), (size - 1, size)):
                if size > 2 and math.isclose(ratio, (right / wrong) ** power, rel_tol=case.tolerance):
                    said = f"It is a {of} with n = {wrong} where n = {right} is asked (correction, n - 1)."
                    yield Finding("degrees of freedom", said, NAMED_FACTOR)
    found = _count_of(case, ratio)
    if found:
        yield Finding("factor", found, FACTOR)
    elif case.values > 2:
        said = f"Every value is {ratio:.4g} times the expected one."
        yield Finding("factor", said, FACTOR, "Every value is the expected one times the same factor.")


def _count_of(case: Case, ratio: float) -> str:
    """A factor that is a count, with where such a one comes from."""
    counts = dict.fromkeys((*_COUNTS, *(size for size in case.sizes if size > 1)))
    for count in counts:
        size = count in case.sizes
        if math.isclose(ratio, count, rel_tol=case.tolerance):
            reasons = (
                [f"was it added up over {count} backward passes"] if case.gradient and count <= max(_COUNTS[:4]) else []
            )
            reasons += ["is it a sum where a mean is asked"] if size else []
            reasons += ["is there a factor too many"] if count <= max(_COUNTS[:4]) or not reasons else []
            return f"It is {count} times the expected one: {', or '.join(reasons)}?"
        if math.isclose(ratio, 1 / count, rel_tol=case.tolerance):
            reasons = ["is it a mean where a sum is asked"] if size else []
            reasons += (
                [f"is a factor {count} missing, as from a square or a mean"]
                if count <= max(_COUNTS[:4]) or not size
                else []
            )
            return f"It is the expected one divided by {count}: {', or '.join(reasons)}?"
    return ""


def _by_an_amount(case: Case) -> Iterator[Finding]:
    """All numbers plus the same one."""
    expected, got = case.expected, case.got
    if expected.numel() < 3 or case.values < 2 or expected.is_complex():
        return
    amount = float((got - expected).reshape(-1)[0])
    if not amount or not case.is_given(expected + amount):
        return
    if case.whole and abs(amount) == 1:
        more = "more" if amount > 0 else "less"
        yield Finding("off by one", f"Every value is one {more} than it should be: do you count from 0?")
        return
    if not case.whole and case.values < 3:
        return
    way = "large" if amount > 0 else "small"
    said = f"Every value is {abs(amount):.4g} too {way}."
    yield Finding(
        "offset", said, FACTOR, f"Every value is too {way} by the same amount: is a term missing, or one too many?"
    )
