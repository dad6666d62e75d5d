"""Grader of the assignment *selecting data*: positions, picked elements, scattered values and top-k accuracy."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import torch

from graders.answers import as_tensor, call, elements
from graders.failure import CheckFailed, describe

_CLOSE = 1e-6


def check_untouched(f: Callable[[torch.Tensor], Any], given: torch.Tensor, name: str) -> None:
    """Demand that a function leaves the tensor that it is given as it was.

    Raises:
        CheckFailed: it changed it, or raised something.

    >>> check_untouched(lambda x: x.mul_(2), torch.ones(2), "double")
    Traceback (most recent call last):
    ...
    graders.failure.CheckFailed: `double` changed the tensor that it was given: make a new one
    """
    mine = given.detach().clone()
    call(f, (mine,), name)
    if not torch.equal(mine, given):
        raise CheckFailed(f"`{name}` changed the tensor that it was given: make a new one")


def check_best(value: Any, scores: torch.Tensor, name: str) -> None:
    """Demand, for each row of ``scores``, the position of an element that no other element of the row exceeds.

    Raises:
        CheckFailed: it is something else; values, other dims, smallest elements and a count from 1 are named.

    >>> check_best(torch.tensor([1]), torch.tensor([[0.0, 5.0]]), "best")
    >>> check_best(torch.tensor([5.0]), torch.tensor([[0.0, 5.0]]), "best")
    Traceback (most recent call last):
    ...
    graders.failure.CheckFailed: `best` should hold positions (int64), but its dtype is float32. These are ...
    """
    got = elements(as_tensor(value, name), name)
    rows, columns = scores.shape
    largest = scores.amax(1)
    why = next((said for said, wrong in _wrong_positions(scores) if _equal(got, wrong)), "")
    if got.dtype.is_floating_point or got.dtype.is_complex or got.dtype is torch.bool:
        raise _failed(f"`{name}` should hold positions (int64), but its dtype is {_dtype(got)}", why)
    right = got.shape == (rows,) and bool(((got >= 0) & (got < columns)).all())
    if right and _equal(scores[range(rows), got.long()], largest):
        return
    if got.shape != (rows,):
        raise _failed(f"`{name}` has shape {tuple(got.shape)}, expected {(rows,)}", why)
    raise _failed(f"`{name}` does not give the position of the largest element of each row", why)


def _wrong_positions(scores: torch.Tensor) -> Iterator[tuple[str, torch.Tensor]]:
    best = scores.argsort(1)[:, -1]
    yield "These are the largest scores; where they are is asked.", scores.amax(1)
    yield "Those are the rows of each column's largest score: the other dim is asked for.", scores.argsort(0)[-1]
    yield "That is one position in the whole tensor: which dim should go?", scores.flatten().argsort()[-1]
    yield "Those are the positions of the smallest.", scores.argsort(1)[:, 0]
    yield "Positions count from 0.", best + 1
    yield "The dimension that was reduced is still there (keepdim).", best[:, None]


def check_picked(value: Any, expected: object, x: torch.Tensor, index: torch.Tensor, name: str) -> None:
    """Demand the elements that ``index`` picks from each row of ``x``; a wrong way to pick that explains them is named.

    Raises:
        CheckFailed: they are others.

    >>> x, index = torch.arange(4).reshape(2, 2), torch.tensor([1, 0])
    >>> check_picked(torch.tensor([[1, 0], [3, 2]]), [1, 2], x, index, "picked")
    Traceback (most recent call last):
    ...
    graders.failure.CheckFailed: `picked` has shape (2, 2), expected (2,). These columns were taken from every row: ...
    """
    got = elements(as_tensor(value, name), name)
    right = torch.as_tensor(expected)
    if _equal(got, right):
        return
    why = next((said for said, wrong in _wrong_picks(x, index, right) if _equal(got, wrong)), "")
    if got.shape != right.shape:
        raise _failed(f"`{name}` has shape {tuple(got.shape)}, expected {tuple(right.shape)}", why)
    count = int((got != right).sum())
    said = f"`{name}` has {count} of {got.numel()} values wrong"
    raise CheckFailed(
        _joined(f"{said}: it is {got.tolist()}, expected {right.tolist()}", why), redacted=_joined(said, why)
    )


def _wrong_picks(x: torch.Tensor, index: torch.Tensor, right: torch.Tensor) -> Iterator[tuple[str, torch.Tensor]]:
    every = "These columns were taken from every row: each row has an index of its own."
    yield every, x[:, index.flatten()]
    yield every, x[:, index]
    if right.dim() == 1:
        yield "The dimension of size 1 is still there: squeeze it away.", right[:, None]
        if len(right) == 1:
            yield "For a single row squeeze() takes that row away too: name the dimension.", right[0]
    shifted = (index - 1) % x.shape[1]
    yield "The columns are one off: positions count from 0.", _in_rows(x, shifted, 1)
    if int(index.max()) < x.shape[0]:
        if index.dim() == 1 or index.shape[1] <= x.shape[1]:
            yield "The index was used for rows, along dim 0: the columns are to be chosen.", _in_rows(x, index, 0)
        yield "These are whole rows: the index names columns.", x[index.flatten()]
    yield "That is the index itself.", index
    yield "These are the first elements, whatever the index says.", _in_rows(x, index * 0, 1)


def _in_rows(x: torch.Tensor, index: torch.Tensor, dim: int) -> torch.Tensor:
    places = index.reshape(len(index), -1)
    return (torch.take_along_dim(x, places, 1) if dim else torch.gather(x, 0, places)).reshape(index.shape)


def check_put_back(value: Any, values: torch.Tensor, index: torch.Tensor, columns: int, name: str) -> None:
    """Demand a tensor that has each of ``values`` (none of them 0) at its place, and zeros everywhere else.

    Raises:
        CheckFailed: it has another shape or dtype, a value is elsewhere, or something else stands beside them.

    >>> check_put_back(torch.tensor([[0, 7]]), torch.tensor([[7]]), torch.tensor([[1]]), 2, "back")
    >>> check_put_back(torch.tensor([[7, 0]]), torch.tensor([[7]]), torch.tensor([[1]]), 2, "back")
    Traceback (most recent call last):
    ...
    graders.failure.CheckFailed: gathering from `back` with the same index does not give the values again
    """
    got = elements(as_tensor(value, name), name)
    shape = (len(values), columns)
    if got.shape != shape:
        why = "" if got.shape != values.shape else "As many columns as were asked for, not as there are values."
        raise _failed(f"`{name}` has shape {tuple(got.shape)}, expected {shape}", why)
    if got.dtype != values.dtype:
        raise CheckFailed(f"`{name}` has dtype {_dtype(got)}, expected that of the values, {_dtype(values)}")
    if not torch.equal(torch.take_along_dim(got, index, 1), values):
        why = ""
        if torch.equal(torch.take_along_dim(got, index, 1), index.to(got.dtype)):
            why = "The positions were written, not the values."
        elif torch.equal(torch.take_along_dim(got, index.flip(1), 1), values) and index.shape[1] > 1:
            why = "The values of a row are in the wrong order."
        elif index.shape[1] > 1 and bool((got != 0).sum(1).max() == 1):
            why = "Only one value of each row arrived."
        raise _failed(f"gathering from `{name}` with the same index does not give the values again", why)
    if int((got != 0).sum()) != values.numel():
        raise CheckFailed(f"`{name}` should be 0 wherever the index does not point")


def check_fraction(value: Any, hits: torch.Tensor, name: str) -> None:
    """Demand the fraction of ``hits`` (one True or False for each row) that are True, as a floating tensor of shape ().

    Raises:
        CheckFailed: it is something else; counts, percent and misses are named.

    >>> check_fraction(torch.tensor(2.0), torch.tensor([True, True, False]), "accuracy")
    Traceback (most recent call last):
    ...
    graders.failure.CheckFailed: `accuracy` is 2, expected 0.666667. That is a count of rows, not a fraction.
    """
    got, right = _one_number(value, name), float(hits.double().mean())
    if abs(got - right) <= _CLOSE:  # written so that NaN fails
        return
    wrong = {
        "That is a count of rows, not a fraction.": float(hits.sum()),
        "That is the fraction in percent.": right * 100,
        "That is the fraction of misses.": 1 - right,
    }
    named = [said for said, other in wrong.items() if abs(got - other) <= _CLOSE]
    raise _wrong_number(f"`{name}` is {got:.6g}", right, named[0] if len(named) == 1 else "")


def check_top_k(
    f: Callable[..., Any], scores: torch.Tensor, labels: torch.Tensor, ks: Sequence[int], name: str
) -> None:
    """Demand, for each k, the fraction of rows in which fewer than k scores are above the label's; no scores are equal.

    Raises:
        CheckFailed: it is another number; a misconception is named that alone explains it for every k.

    >>> scores, labels = torch.tensor([[0.1, 0.9, 0.5], [0.2, 0.5, 0.1]]), torch.tensor([2, 1])
    >>> check_top_k(lambda scores, labels, k: torch.tensor(0.5), scores, labels, [1, 2], "top_k")
    Traceback (most recent call last):
    ...
    graders.failure.CheckFailed: `top_k` is 0.5 for k=2, expected 1. That is the accuracy of the best class alone: ...
    """
    rank = (scores > scores[range(len(labels)), labels][:, None]).sum(1)
    for k in ks:
        got = _one_number(call(f, (scores, labels, k), name), name)
        right = float((rank < k).double().mean())
        if not abs(got - right) <= _CLOSE:  # written so that NaN fails
            raise _wrong_number(f"`{name}` is {got:.6g} for k={k}", right, _why_not_top_k(f, scores, labels, rank))


def _why_not_top_k(f: Callable[..., Any], scores: torch.Tensor, labels: torch.Tensor, rank: torch.Tensor) -> str:
    rows, classes = scores.shape
    order = scores.argsort(1).flip(1)
    given: dict[int, float] = {}
    for k in range(1, classes + 1):
        with contextlib.suppress(CheckFailed):
            given[k] = _one_number(call(f, (scores, labels, k), "f"), "f")
    wrong: dict[str, Callable[[int], torch.Tensor]] = {
        "It is divided by k too: each row counts once, hit or not.": lambda k: (rank < k) / k,
        "That is a count of rows, not a fraction.": lambda k: (rank < k) * rows,
        "That is the accuracy of the best class alone: k makes no difference.": lambda k: rank < 1,
        "That is where the label is in place k exactly.": lambda k: rank == k - 1,
        "It looks at the k smallest scores.": lambda k: rank >= classes - k,
        "That is the fraction of misses.": lambda k: rank >= k,
        "That is one place too many: among the best k + 1.": lambda k: rank <= k,
        "The labels were laid along the k places: each row has one label of its own.": lambda k: (
            torch.eq(order[:, :k], labels[None]).any(-1) if k in (1, rows) else torch.tensor(float("nan"))
        ),
    }
    named = [
        said
        for said, rule in wrong.items()
        if all(abs(number - float(rule(k).double().mean())) <= _CLOSE for k, number in given.items())
    ]
    return named[0] if len(named) == 1 else ""


def _one_number(value: Any, name: str) -> float:
    got = elements(as_tensor(value, name), name)
    if got.shape != () or not got.dtype.is_floating_point:
        raise CheckFailed(f"`{name}` should give a floating tensor of shape (), but it gave {describe(value)}")
    return float(got)


def _wrong_number(said: str, right: float, why: str) -> CheckFailed:
    shown, hidden = _joined(f"{said}, expected {right:.6g}", why), _joined(f"{said}: not right", why)
    return CheckFailed(shown, redacted=hidden, known=why)


def _equal(got: torch.Tensor, other: torch.Tensor) -> bool:
    return got.shape == other.shape and bool((got == other).all())


def _dtype(tensor: torch.Tensor) -> str:
    return str(tensor.dtype).removeprefix("torch.")


def _joined(said: str, why: str) -> str:
    return f"{said}. {why}" if why else said


def _failed(said: str, why: str) -> CheckFailed:
    return CheckFailed(_joined(said, why), known=why)
