"""Grader of the assignment *forward pass*: noise around a line, shapes of its steps, the error, what is refused."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import torch

from graders.answers import as_tensor, call, elements
from graders.check_tensor import check_tensor
from graders.failure import CheckFailed, describe
from graders.reductions import as_shape

#: Bounds are this many standard errors wide: a right answer crosses one less than once in 10¹⁴ times.
_ERRORS = 8.0


def items(f: Callable[..., Any], arguments: Sequence[Any], count: int, name: str) -> tuple[Any, ...]:
    """The ``count`` things that a student's function returns together.

    Raises:
        CheckFailed: it raised something, or returned something else, or another number of them.

    >>> items(divmod, [7, 2], 2, "divmod(7, 2)")
    (3, 1)
    >>> items([].clear, [], 2, "clear()")
    Traceback (most recent call last):
    ...
    graders.failure.CheckFailed: `clear()` should return 2 values, but it returned None (was it assigned or returned?)
    """
    value = call(f, arguments, name)
    if type(value) not in (tuple, list):
        raise CheckFailed(f"`{name}` should return {count} values, but it returned {describe(value)}")
    if len(value) != count:
        raise CheckFailed(f"`{name}` should return {count} values, but it returned {len(value)}")
    return tuple(value)


def check_noise(deviations: Any, scale: float, inputs: Any, name: str) -> None:
    """Demand that deviations from a line are noise: normal, around 0, of this spread, and each number's own.

    Args:
        deviations: what remains of y without the line; some thousand rows.
        scale: the spread that was asked for.
        inputs: X, which the noise should know nothing of.

    Raises:
        CheckFailed: they are something else; no noise, uniform noise, one number for all and a wrong spread are named.

    >>> check_noise(torch.zeros(1000, 1), 0.1, torch.ones(1000, 1), "make_data")
    Traceback (most recent call last):
    ...
    graders.failure.CheckFailed: the noise of `make_data`: there is none, y lies on the line exactly
    """
    noise, given = (elements(as_tensor(value, name), name).double() for value in (deviations, inputs))
    if noise.dim() != 2 or len(noise) != len(given):
        raise CheckFailed(f"`{name}` should give a table with a row for each example, but it is {describe(deviations)}")
    why = next(_not_noise(noise, scale, given), "")
    if why:
        raise CheckFailed(f"the noise of `{name}`: {why}", known="" if "deviation is" in why else f"Noise: {why}")


def _not_noise(noise: torch.Tensor, scale: float, inputs: torch.Tensor) -> Iterator[str]:
    count = noise.numel()
    tiny = scale * 1e-3
    middle, spread = float(noise.mean()), float(noise.std())
    if not math.isfinite(spread):
        yield "y holds NaN or infinity"
    if bool((noise.abs() < tiny).all()):
        yield "there is none, y lies on the line exactly"
    if bool(((noise - noise[:1]).abs() < tiny).all()):
        yield "the same was added to every row; each number has a deviation of its own"
    if noise.shape[1] > 1 and bool(((noise - noise[:, :1]).abs() < tiny).all()):
        yield "all outputs of a row got the same; each number has a deviation of its own"
    if bool((noise > -tiny).all()) and bool((noise < scale + tiny).all()):
        yield "it lies between 0 and the given one: is it uniform, from rand? A normal one goes both ways"
    if abs(middle) > _ERRORS * max(scale, spread) / count**0.5:
        yield "its mean is not 0: does y lie near the line?"
    if abs(spread / scale - 1) > _ERRORS / (2 * count) ** 0.5:
        known = {scale**2: ": that is its square", 1.0: ": it was not scaled", scale**0.5: ": that is its root"}
        close = [why for size, why in known.items() if abs(spread / size - 1) < _ERRORS / (2 * count) ** 0.5]
        yield f"its standard deviation is {spread:.3g}, not the given one{close[0] if len(close) == 1 else ''}"
    within = float((noise.abs() < scale).double().mean())
    if abs(within - math.erf(0.5**0.5)) > _ERRORS * (0.22 / count) ** 0.5:
        yield "it is not normally distributed"
    for column in noise.T:
        linked = torch.corrcoef(torch.vstack([column, inputs.T]))[0, 1:].abs().max()
        if float(linked) > _ERRORS / len(noise) ** 0.5:
            yield "it goes with X: draw it afresh"


def check_step_shapes(value: Any, expected: Mapping[str, Sequence[int]] | Sequence[str], name: str) -> None:
    """Demand a dict that gives these steps their shapes; where ``expected`` is names alone, a shape for each.

    Raises:
        CheckFailed: a step is lacking, or has another shape; a transposed and a flat one are named.

    >>> check_step_shapes({"W": (2, 3)}, {"W": (3, 2)}, "shapes(5, 3, 2)")
    Traceback (most recent call last):
    ...
    graders.failure.CheckFailed: `shapes(5, 3, 2)` gives "W" the shape (2, 3), expected (3, 2). It is transposed.
    """
    if type(value) is not dict:
        raise CheckFailed(f"`{name}` should return a dict, but it returned {describe(value)}")
    lacking = [key for key in expected if key not in value]
    if lacking:
        raise CheckFailed(f"`{name}` lacks {', '.join(lacking)}")
    given = {key: as_shape(value[key], f'{name}["{key}"]') for key in expected}
    if not isinstance(expected, Mapping):
        return
    for key, right in expected.items():
        got = given[key]
        if got != tuple(right):
            said, why = f'`{name}` gives "{key}" the shape {got}', _shape_reason(got, tuple(right), key)
            raise CheckFailed(f"{said}, expected {tuple(right)}{why}", redacted=f"{said}, and that is not right{why}")


def _shape_reason(got: tuple[int, ...], right: tuple[int, ...], key: str) -> str:
    if right == () and got == (1,):
        return ". A mean over everything leaves no dimension, not one of size 1."
    if right == ():
        return ". A loss is one number."
    if got == right[::-1]:
        return ". It is transposed."
    if got == () and key.endswith(".grad"):
        return ". There is a gradient for each number of the parameter."
    if len(got) > len(right) and math.prod(got) == math.prod(right):
        return ". It has a dimension too many."
    if len(got) < len(right) and math.prod(got) == math.prod(right):
        return ". A dimension of size 1 is missing: a batch of single numbers is a column."
    return ""


def check_mse(value: Any, expected: float, prediction: torch.Tensor, target: torch.Tensor, name: str) -> None:
    """Demand the mean squared error, a tensor of shape (); another way to measure the error that fits exactly is named.

    Raises:
        CheckFailed: it is something else.

    >>> check_mse(torch.tensor(4.0), 2.0, torch.tensor([3.0, 1.0]), torch.tensor([1.0, 1.0]), "mse")
    Traceback (most recent call last):
    ...
    graders.failure.CheckFailed: `mse` is 4, expected 2. It is the sum of the squares, not their mean.
    """
    tensor = elements(as_tensor(value, name), name)
    error = prediction.double() - target.double()
    if tensor.shape != ():
        why = "" if tensor.shape != error.shape else ". Each error has its own number still: a reduction is missing."
        raise CheckFailed(f"`{name}` has shape {tuple(tensor.shape)}, expected (){why}")
    if not tensor.dtype.is_floating_point:
        raise CheckFailed(f"`{name}` should be a floating tensor, but it is {describe(value)}")
    got = float(tensor)
    if _near(got, expected):
        return
    squares, every = error.square(), prediction.double().reshape(-1, 1) - target.double().reshape(1, -1)
    wrong = {
        "It is the sum of the squares, not their mean.": squares.sum(),
        "It is the root of the mean: leave the squares as they are.": squares.mean().sqrt(),
        "It is the mean of the distances, not of their squares.": error.abs().mean(),
        "It is the mean of the differences: those above and below cancel.": error.mean(),
        "It is the mean of the differences, target minus prediction: those above and below cancel.": -error.mean(),
        "It is the square of the mean: square first, then take the mean.": error.mean().square(),
        "It is half of it.": squares.mean() / 2,
        "The outputs of each row were added up, and only the rows averaged.": squares.sum() / max(len(error), 1),
        "Every prediction was compared with every target: the difference broadcast to (n, n).": every.square().mean(),
    }
    named = [why for why, other in wrong.items() if _near(got, float(other)) and not _near(expected, float(other))]
    known = named[0] if len(named) == 1 else ""
    said, why = f"`{name}` is {got:.6g}", f" {known}" if known else ""
    raise CheckFailed(
        f"{said}, expected {expected:.6g}.{why}", redacted=f"{said}, and that is not right.{why}", known=known
    )


def check_prediction(value: Any, expected: torch.Tensor, given: Mapping[str, torch.Tensor], name: str) -> None:
    """Demand the predictions of a line from X, W and b; another way to combine them that fits exactly is named.

    Raises:
        CheckFailed: they are others.

    >>> given = {"X": torch.eye(2), "W": torch.ones(2, 2), "b": torch.ones(2)}
    >>> check_prediction(torch.eye(2) + 1, torch.full((2, 2), 2.0), given, "forward")
    Traceback (most recent call last):
    ...
    graders.failure.CheckFailed: `forward` at [0, 1] is 1, expected 2 (2 of 4 values differ). It is X * W, ...
    """
    try:
        check_tensor(value, name, values=expected, rtol=1e-4, atol=1e-4)
    except CheckFailed as error:
        got = elements(as_tensor(value, name), name)
        why = next(
            (said for said, wrong in _wrong_lines(**given) if _same(got, wrong) and not _same(expected, wrong)), ""
        )
        if not why:
            raise
        raise CheckFailed(f"{error}. {why}", redacted=f"{error.redacted}. {why}", known=why) from None


def _wrong_lines(X: torch.Tensor, W: torch.Tensor, b: torch.Tensor) -> Iterator[tuple[str, torch.Tensor]]:  # noqa: N803
    ways: dict[str, Callable[[], torch.Tensor]] = {
        "It is X * W, element by element: a matrix product is asked.": lambda: X * W + b,
        "It is W @ X: in a matrix product the order counts.": lambda: W @ X + b,
        "W was transposed.": lambda: torch.mm(X, W.T) + b,
        "`b` is not added.": lambda: torch.mm(X, W),
        "`b` is subtracted.": lambda: torch.mm(X, W) - b,
        "`b` was laid along the rows: it has a number for each output.": lambda: torch.mm(X, W) + b[:, None],
    }
    for said, way in ways.items():
        with contextlib.suppress(RuntimeError):  # these shapes do not go together so
            yield said, way()


def _same(got: torch.Tensor, other: torch.Tensor) -> bool:
    return got.shape == other.shape and bool(torch.isclose(got.double(), other.double(), rtol=1e-4, atol=1e-4).all())


def check_refused(f: Callable[..., Any], arguments: Sequence[Any], kind: type[Exception], name: str) -> None:
    """Demand that a call raises an error of this kind.

    Raises:
        CheckFailed: it returned something, or raised another kind of error.

    >>> check_refused(int, ["x"], ValueError, "int of a word")
    >>> check_refused(int, ["7"], ValueError, "int of a word")
    Traceback (most recent call last):
    ...
    graders.failure.CheckFailed: `int of a word` should raise ValueError, but it returned an int, 7
    """
    try:
        value = f(*arguments)
    except kind:
        return
    except (Exception, SystemExit) as error:
        if getattr(type(error), "is_no_answer", False):
            raise
        raise CheckFailed(
            f"`{name}` should raise {kind.__name__}, but it raised {type(error).__name__[:60]}"
        ) from error
    raise CheckFailed(f"`{name}` should raise {kind.__name__}, but it returned {describe(value)}")


def _near(got: float, expected: float) -> bool:
    return abs(got - expected) <= 1e-6 + 1e-4 * abs(expected)  # False for NaN
