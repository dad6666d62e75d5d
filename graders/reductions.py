"""Grader of the assignment *reductions*: predicted shapes, shares, probabilities and standardised columns."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import torch

from graders.answers import as_tensor, elements
from graders.failure import CheckFailed, describe

_CLOSE = 1e-3


def as_shape(value: Any, name: str) -> tuple[int, ...]:
    """A student's shape: a tuple, a list or a ``torch.Size`` of whole numbers.

    Raises:
        CheckFailed: it is something else.

    >>> as_shape(torch.Size([2, 3]), "s"), as_shape([4], "s")
    ((2, 3), (4,))
    """
    if type(value) not in (tuple, list, torch.Size) or any(type(size) is not int for size in value):
        raise CheckFailed(f"`{name}` should be a tuple of whole numbers, but it is {describe(value)}")
    return tuple(value)


def check_reduced_shape(
    value: Any,
    expected: Sequence[int],
    *,
    shape: Sequence[int],
    dim: int | Sequence[int] | None = None,
    keepdim: bool = False,
    name: str = "reduced_shape",
) -> None:
    """Demand the shape that is left of ``shape`` after a reduction; a wrong rule that gives what came is named.

    Raises:
        CheckFailed: it is another shape, or none at all.

    >>> check_reduced_shape((2,), (3,), shape=(2, 3), dim=0)
    Traceback (most recent call last):
    ...
    graders.failure.CheckFailed: `reduced_shape` of (2, 3) with dim=0 is (2,), expected (3,). The dimension that is ...
    """
    got, right = as_shape(value, name), tuple(expected)
    if got == right:
        return
    rules = _wrong_rules(tuple(shape), dim, keepdim)
    why = next((said for said, given in rules if given == got), "")
    case = f"`{name}` of {tuple(shape)} with dim={dim}{', keepdim=True' if keepdim else ''}"
    raise CheckFailed(
        f"{case} is {got}, expected {right}. {why}".strip(),
        redacted=f"`{name}` gave {got} for one shape, and that is not right. {why}".strip(),
        known=why,
    )


def _wrong_rules(
    shape: tuple[int, ...], dim: int | Sequence[int] | None, keepdim: bool
) -> Iterator[tuple[str, tuple[int, ...]]]:
    """Rules that students follow in place of the right one, and the shape that each of them gives."""
    count = len(shape)
    named = tuple(range(count)) if dim is None else (dim,) if isinstance(dim, int) else tuple(dim)
    places = {one % count for one in named}
    forgotten = "With keepdim=True the dimension stays, with size 1."
    unasked = "A size of 1 is left only where keepdim=True asks for it."
    yield forgotten if keepdim else unasked, _reduced(shape, named, not keepdim)
    yield "The dimension that is named goes; the others stay.", _reduced(shape, set(range(count)) - places, keepdim)
    if min(named, default=0) < 0:
        unsigned = {one for one in named if one >= 0}
        yield "Negative dimensions count from the end: -1 is the last one.", _reduced(shape, unsigned, keepdim)
    if len(places) > 1:
        for place in places:
            yield "All dimensions that are named go, not one of them alone.", _reduced(shape, {place}, keepdim)
    if min(named, default=0) >= 0:
        yield "Dimensions count from 0.", _reduced(shape, {one - 1 for one in named if one}, keepdim)


def _reduced(shape: tuple[int, ...], dims: Sequence[int] | set[int], keepdim: bool) -> tuple[int, ...]:
    if not dims:
        return shape
    return tuple(torch.empty(shape, device="meta").amax(tuple(dims), keepdim).shape)


def check_shares(value: Any, name: str, *, of: torch.Tensor, dim: int) -> None:
    """Demand that ``value`` is ``of``, a tensor of positive numbers, scaled so that it sums to 1 along ``dim``.

    Raises:
        CheckFailed: it is not; sums along another dimension, or laid along a wrong one, are named.

    >>> check_shares(torch.tensor([[0.5, 0.5]]), "s", of=torch.tensor([[3.0, 3.0]]), dim=1)
    >>> check_shares(torch.tensor([[1.0, 1.0]]), "s", of=torch.tensor([[3.0, 3.0]]), dim=1)
    Traceback (most recent call last):
    ...
    graders.failure.CheckFailed: `s` does not sum to 1 along dim 1. It sums to 1 along dim 0.
    """
    got = _like(value, name, of)
    _demand_sums(got, name, of.double(), dim)
    scale = got / of.double()
    along = scale.amax(dim) - scale.amin(dim)
    if not bool((along <= _CLOSE * scale.abs().amax(dim)).all()):  # written so that NaN fails
        raise CheckFailed(f"`{name}` sums to 1 along dim {dim}, but not all its numbers are in proportion to the given")


def check_probabilities(value: Any, name: str, *, of: torch.Tensor, dim: int) -> None:
    """Demand probabilities along ``dim``: finite, not negative, sums of 1, and none smaller where the logit is larger.

    Raises:
        CheckFailed: they are not; overflow, logarithms and sums along another dimension are named.

    >>> check_probabilities(torch.tensor([0.3, 0.7]), "p", of=torch.tensor([1.0, 2.0]), dim=0)
    >>> check_probabilities(torch.tensor([0.7, 0.3]), "p", of=torch.tensor([1.0, 2.0]), dim=0)
    Traceback (most recent call last):
    ...
    graders.failure.CheckFailed: `p` gives a larger logit a smaller probability
    """
    got = _like(value, name, of)
    if bool((got < 0).any()):
        logs = _is_one(got.exp().sum(dim))
        why = " They sum to 1 after exp(): these are logarithms of probabilities." if logs else ""
        raise CheckFailed(f"`{name}` has negative numbers, and a probability is never negative.{why}")
    _demand_sums(got, name, of.double().exp(), dim)
    order = of.argsort(dim)
    if not bool((got.gather(dim, order).diff(dim=dim) >= -_CLOSE).all()):
        raise CheckFailed(f"`{name}` gives a larger logit a smaller probability")


def check_standardised(value: Any, name: str, *, of: torch.Tensor, what: str = "spread") -> None:
    """Demand columns with mean 0 and, unless ``what`` is "mean", standard deviation 1 (n), in proportion to ``of``'s.

    Raises:
        CheckFailed: they are not; means and deviations of rows, of everything, or with n - 1 are named.

    >>> check_standardised(torch.tensor([[1.0], [-1.0]]), "z", of=torch.tensor([[9.0], [3.0]]))
    >>> check_standardised(torch.tensor([[3.0], [-3.0]]), "z", of=torch.tensor([[9.0], [3.0]]))
    Traceback (most recent call last):
    ...
    graders.failure.CheckFailed: Not all columns of `z` have the standard deviation 1: only the mean was taken care of
    """
    got = _like(value, name, of)
    if not _is_zero(got.mean(0)):
        why = ""
        if _is_zero(got.mean(1)):
            why = ". The rows have it: the other dim is asked for"
        elif _is_zero(got.mean()):
            why = ". The whole table has it: the mean of everything was subtracted"
        raise CheckFailed(f"Not all columns of `{name}` have the mean 0{why}")
    from_mean = of.double() - of.double().mean(0)
    scale = (got * from_mean).mean(0) / from_mean.square().mean(0)
    if not bool(((got - scale * from_mean).abs() <= _CLOSE * got.abs().amax(0)).all() and (scale > 0).all()):
        raise CheckFailed(f"The columns of `{name}` are not the given ones, moved and scaled")
    if what == "mean":
        return
    spread = got.square().mean(0).sqrt()
    rows = of.shape[0]
    if not _is_one(spread):
        why = ""
        if _is_one(spread * (rows / (rows - 1)) ** 0.5):
            why = ": they were divided by the deviation of a sample (n - 1); `correction=0` divides by n"
        elif _is_one(spread / from_mean.square().mean(0).sqrt()):
            why = ": only the mean was taken care of"
        elif _is_one(spread * from_mean.square().mean(0).sqrt()):
            why = ": they were divided by the variance, not by its root"
        raise CheckFailed(f"Not all columns of `{name}` have the standard deviation 1{why}")


def _like(value: Any, name: str, of: torch.Tensor) -> torch.Tensor:
    """What a student gave, as plain float64, if it is a finite tensor of the given one's shape."""
    got = elements(as_tensor(value, name), name)
    if got.shape != of.shape:
        raise CheckFailed(f"`{name}` has shape {tuple(got.shape)}, expected {tuple(of.shape)}")
    if got.is_complex():
        raise CheckFailed(f"`{name}` should be a tensor of real numbers, but it is {describe(value)}")
    got = got.double()
    if not bool(got.isfinite().all()):
        nan = "NaN: infinity divided by infinity, or 0 by 0" if bool(got.isnan().any()) else "infinity"
        raise CheckFailed(f"`{name}` contains {nan}")
    return got


def _demand_sums(got: torch.Tensor, name: str, parts: torch.Tensor, dim: int) -> None:
    if _is_one(got.sum(dim)):
        return
    others = [other for other in range(got.dim()) if other != dim % got.dim()]
    near = next((other for other in others if _is_one(got.sum(other))), None)
    why = ""
    if near is not None:
        why = f". It sums to 1 along dim {near}."
    elif _is_one(got.sum()):
        why = ". All of it together sums to 1: the sum is that of the whole tensor."
    elif len(set(got.shape)) == 1 < got.dim() and _is_one(got * parts.sum(dim) / parts):
        why = ". The sums were laid along the wrong dimension: compare their shape with the tensor's (keepdim)."
    elif _is_one(got.sum(dim) / 100):
        why = ". It sums to 100: these are percent."
    raise CheckFailed(f"`{name}` does not sum to 1 along dim {dim}{why}")


def _is_one(values: torch.Tensor) -> bool:
    return bool(((values - 1).abs() <= _CLOSE).all())


def _is_zero(values: torch.Tensor) -> bool:
    return bool((values.abs() <= _CLOSE * 10).all())
