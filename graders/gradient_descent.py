"""Grader of the assignment *gradient descent*: steps, the loop, the learning rate, and batches."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch

from graders.answers import as_tensor, elements, is_tensor, number
from graders.check_tensor import check_tensor
from graders.failure import CheckFailed, describe


def check_new_parameters(
    after: Any, expected: Mapping[str, Any], start: Mapping[str, torch.Tensor], rate: float, name: str
) -> None:
    """Demand the parameters that one step from ``start`` with the learning rate ``rate`` leads to.

    Args:
        after: what the student's function gave: one tensor for each in ``expected``, in order.
        name: what the student calls it.

    Raises:
        CheckFailed: they are others; a step up the slope, or one without the learning rate, is named.

    >>> check_new_parameters((torch.tensor([1.5]),), {"W": [0.5]}, {"W": torch.tensor([1.0])}, 0.1, "step")
    Traceback (most recent call last):
    ...
    graders.failure.CheckFailed: `W` of `step` is not right. That step goes up the slope: the rate times the ...
    """
    for label, value in zip(expected, _parts(after, len(expected), name), strict=True):
        right, old = torch.as_tensor(expected[label]).detach(), start[label].detach()
        got = as_tensor(value, f"{label} of {name}")
        check_tensor(got, f"{label} of {name}", shape=tuple(right.shape), dtype="float")
        if not _close(got, right):
            why = _why(got, right, old, rate)
            raise CheckFailed(f"`{label}` of `{name}` is not right. {why}".strip(), known=why)


def check_fresh_leaves(
    after: Any,
    start: Mapping[str, torch.Tensor],
    name: str,
    *,
    before: Mapping[str, torch.Tensor] | None = None,
) -> None:
    """Demand leaves that require gradients, other tensors than those of ``start``, which are as they were ``before``.

    Raises:
        CheckFailed: one is no such leaf, or a tensor that was given was changed.

    >>> w = torch.ones(2, requires_grad=True)
    >>> check_fresh_leaves((w - 1,), {"W": w}, "step")
    Traceback (most recent call last):
    ...
    graders.failure.CheckFailed: `W` of `step` is not a leaf (SubBackward0 computed it), and it should be: the step ...
    """
    for label, value in zip(start, _parts(after, len(start), name), strict=True):
        tensor = as_tensor(value, f"{label} of {name}")
        if not tensor.is_leaf:
            raise CheckFailed(
                f"`{label}` of `{name}` is not a leaf ({type(tensor.grad_fn).__name__} computed it), and it should be: "
                "the step became part of the graph (torch.no_grad, or detach)"
            )
        if not tensor.requires_grad:
            raise CheckFailed(f"`{label}` of `{name}` does not require gradients, so the next step finds none")
        check_tensor(tensor, f"{label} of {name}", shape=tuple(start[label].shape))
        if tensor is start[label] or (before is not None and not torch.equal(start[label], before[label])):
            raise CheckFailed(f"`{name}` changes the `{label}` that it was given: return a new tensor")
        if start[label].grad is not None:
            raise CheckFailed(f"`{name}` leaves a gradient in the `{label}` that it was given")


def check_factor(value: Any, expected: float, name: str) -> None:
    """Demand the number that a step multiplies the error by.

    Raises:
        CheckFailed: it is another; a factor for the weight's gradient alone, or without the 2, is named.

    >>> check_factor(0.6, 0.2, "error_factor")
    Traceback (most recent call last):
    ...
    graders.failure.CheckFailed: `error_factor` is 0.6, and that is not right. The 2 of the square's ...
    """
    got = number(value)
    if got is None:
        raise CheckFailed(f"`{name}` should be a number, but it is {describe(value)}")
    if abs(got - expected) <= 1e-4 * max(1.0, abs(expected)):
        return
    lost = 1 - expected
    wrong = {
        "The 2 of the square's derivative is missing.": 1 - lost / 2,
        "That is what the step takes away: what is left of the error?": lost,
        "The sign is flipped.": -expected,
        "That step goes up the slope.": 1 + lost,
    }
    named = [why for why, other in wrong.items() if abs(got - other) <= 1e-5 * max(1.0, abs(other))]
    known = named[0] if len(named) == 1 else ""
    raise CheckFailed(f"`{name}` is {got:.6g}, and that is not right. {known}".strip(), known=known)


def check_same_training(
    result: Any, expected: Sequence[Any], steps: int, name: str, *, losses: Sequence[float] | None = None
) -> None:
    """Demand ``(W, b, losses)`` with these parameters, and one loss for each step.

    Raises:
        CheckFailed: something else came, or other numbers.

    >>> check_same_training((torch.ones(1, 1), torch.ones(1), [3.0]), ([[1.0]], [1.0]), 1, "train(…)")
    """
    weight, bias, given = _parts(result, 3, name)
    for label, value, wanted in (("W", weight, expected[0]), ("b", bias, expected[1])):
        right = torch.as_tensor(wanted)
        tensor = as_tensor(value, f"{label} of {name}")
        check_tensor(tensor, f"{label} of {name}", values=right, rtol=1e-4, atol=1e-5)
    numbers = check_plain_numbers(given, f"losses of {name}")
    if len(numbers) != steps:
        raise CheckFailed(f"`losses` of `{name}` should hold {steps} numbers, one for each step, not {len(numbers)}")
    if losses is not None:
        check_tensor(torch.tensor(numbers), f"losses of {name}", values=list(losses), rtol=1e-4, atol=1e-5)


def check_plain_numbers(given: Any, name: str) -> list[float]:
    """Demand a list of numbers of Python's own, and give it.

    Raises:
        CheckFailed: it is no list, or holds something else, such as a tensor with its graph.

    >>> check_plain_numbers([1.0, torch.tensor(2.0)], "losses")
    Traceback (most recent call last):
    ...
    graders.failure.CheckFailed: `losses[1]` is a tensor: keep the plain number, loss.item(), or each ...
    """
    if type(given) not in (list, tuple):
        raise CheckFailed(f"`{name}` should be a list of numbers, but it is {describe(given)}")
    found: list[float] = []
    for place, item in enumerate(given):
        if is_tensor(item):
            why = "keep the plain number, loss.item(), or each graph stays in memory"
            raise CheckFailed(f"`{name}[{place}]` is a tensor: {why}")
        value = number(item)
        if value is None:
            raise CheckFailed(f"`{name}[{place}]` should be a number, but it is {describe(item)}")
        found.append(value)
    return found


def check_batches(given: Any, x: torch.Tensor, y: torch.Tensor, size: int, name: str) -> None:
    """Demand batches of ``size`` rows (the last may be smaller) that hold every row of ``x`` once, beside its ``y``.

    Raises:
        CheckFailed: rows are missing, doubled or parted from their targets, or a batch has another size.

    >>> x = torch.arange(3.0).reshape(3, 1)
    >>> check_batches([(x[:2], x[:2]), (x[2:], x[2:])], x, x, 2, "batches(…)")
    """
    pairs = _pairs(given, name)
    rows = [len(part) for part, _ in pairs]
    wanted = [size] * (len(x) // size) + ([len(x) % size] if len(x) % size else [])
    if rows != wanted:
        raise CheckFailed(f"`{name}` has batches of {rows} rows, expected {wanted}")
    whole = torch.cat([x, y], dim=1)
    mine = torch.cat([torch.cat([part, target], dim=1) for part, target in pairs])
    if sorted(mine[:, : x.shape[1]].tolist()) != sorted(x.tolist()):
        raise CheckFailed(f"`{name}` does not hold every row of X exactly once")
    if sorted(mine.tolist()) != sorted(whole.tolist()):
        raise CheckFailed(f"`{name}` parts rows of X from their targets: shuffle the two together")


def check_shuffled(
    f: Callable[..., Any], x: torch.Tensor, y: torch.Tensor, size: int, seeds: tuple[int, int], name: str
) -> None:
    """Demand that ``f(x, y, size, generator)`` shuffles, and takes its chance from the generator alone.

    Raises:
        CheckFailed: the order is that of ``x``, the same for every generator, or another for the same.

    >>> check_shuffled(lambda x, y, size, generator: [(x, y)], torch.eye(3), torch.eye(3), 3, (1, 2), "batches")
    Traceback (most recent call last):
    ...
    graders.failure.CheckFailed: `batches` gives the rows in the order in which they came: shuffle them
    """

    def order(seed: int) -> list[Any]:
        given = f(x, y, size, torch.Generator().manual_seed(seed))
        return list(torch.cat([part for part, _ in _pairs(given, name)]).tolist())

    first, again, other = order(seeds[0]), order(seeds[0]), order(seeds[1])
    if first == x.tolist():
        raise CheckFailed(f"`{name}` gives the rows in the order in which they came: shuffle them")
    if first != again:
        raise CheckFailed(f"`{name}` shuffles otherwise each time: give the DataLoader the generator")
    if first == other:
        raise CheckFailed(f"`{name}` gives the same order for every generator")


def _pairs(given: Any, name: str) -> list[tuple[torch.Tensor, torch.Tensor]]:
    if type(given) not in (list, tuple) or not given:
        raise CheckFailed(f"`{name}` should be a list of pairs, but it is {describe(given)}")
    pairs = []
    for place, pair in enumerate(given):
        if type(pair) not in (list, tuple) or len(pair) != 2:
            said = f"`{name}[{place}]` should be a pair (X_batch, y_batch), but it is {describe(pair)}"
            raise CheckFailed(said)
        part, target = (elements(as_tensor(item, f"{name}[{place}]"), f"{name}[{place}]") for item in pair)
        if part.dim() != 2 or target.dim() != 2 or len(part) != len(target):
            shapes = f"{tuple(part.shape)} and {tuple(target.shape)}"
            raise CheckFailed(f"`{name}[{place}]` should hold as many rows of X as of y, but the shapes are {shapes}")
        pairs.append((part, target))
    if len({(part.shape[1], target.shape[1]) for part, target in pairs}) != 1:
        raise CheckFailed(f"the batches of `{name}` have different numbers of columns")
    return pairs


def _parts(value: Any, count: int, name: str) -> list[Any]:
    if type(value) not in (tuple, list) or len(value) != count:
        raise CheckFailed(f"`{name}` should give {count} values, but it gave {describe(value)}")
    return list(value)


def _why(got: torch.Tensor, right: torch.Tensor, old: torch.Tensor, rate: float) -> str:
    moved = right - old
    wrong = {
        "It is where it was: the step was not taken.": old,
        "That step goes up the slope: the rate times the gradient is subtracted.": old - moved,
        "The learning rate is missing: the size of a step is learning rate times gradient.": old + moved / rate,
        "That is the step alone: it starts from the old value.": moved,
        "The factor 2 from the square is missing.": old + moved / 2,
    }
    return next((why for why, other in wrong.items() if _close(got, other)), "")


def _close(one: torch.Tensor, other: torch.Tensor) -> bool:
    return bool(torch.allclose(one.detach().double(), other.detach().double(), rtol=1e-4, atol=1e-5))
