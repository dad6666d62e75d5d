"""Grader of the assignment *operations*: products worked out by hand, and shapes predicted without computing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch

from graders.answers import as_function, as_tensor, call, elements, is_tensor, sizes
from graders.failure import CheckFailed, describe
from graders.predictions import check_shape

Shape = tuple[int, ...]


def check_rows(value: Any, shape: Sequence[int], name: str) -> torch.Tensor:
    """The numbers in a list of rows (or a tensor) of this shape.

    Raises:
        CheckFailed: it is something else.

    >>> check_rows([[1, 2], [3, 4]], (2, 2), "rows").tolist()
    [[1.0, 2.0], [3.0, 4.0]]
    >>> check_rows([1, 2], (2, 2), "rows")
    Traceback (most recent call last):
    ...
    graders.failure.CheckFailed: `rows` should be a list of 2 rows with 2 numbers in each, but it is a list, [1, 2]
    """
    height, width = shape
    if is_tensor(value):
        rows = elements(as_tensor(value, name), name)
        if tuple(rows.shape) == tuple(shape) and not rows.is_complex():
            return rows.double()
    elif _is_list(value, height) and all(_is_list(row, width) and all(map(_is_number, row)) for row in value):
        return torch.tensor([[float(number) for number in row] for row in value], dtype=torch.float64)
    raise CheckFailed(
        f"`{name}` should be a list of {height} rows with {width} numbers in each, but it is {describe(value)}"
    )


def check_worked_out(value: Any, operation: str, first: torch.Tensor, second: torch.Tensor, name: str) -> None:
    """Demand the result of ``first * second`` or ``first @ second`` for two square matrices, as a list of rows.

    Raises:
        CheckFailed: some numbers are wrong; the message names the slip that leads to all of them, but no right number.

    >>> check_worked_out([[2, 0], [0, 2]], "@", torch.eye(2), 2 * torch.ones(2, 2), "matmul")
    Traceback (most recent call last):
    ...
    graders.failure.CheckFailed: `matmul` has 2 of 4 numbers wrong. That is the product position by position, with `*`.
    """
    given = check_rows(value, first.shape, name)
    one, two = first.double(), second.double()
    results = {"*": one * two, "@": one @ two}
    right = results.pop(operation)
    wrong = int((given - right).abs().gt(1e-6).sum()) + int(given.isnan().sum())
    if not wrong:
        return
    slips = {
        "That is the product position by position, with `*`.": results.get("*"),
        "That is the matrix product, with `@`.": results.get("@"),
        "That is the product the other way round: the second matrix came first.": two @ one,
        "Rows and columns changed places.": right.T,
        "That is rows times rows: the second matrix gives its columns.": one @ two.T,
        "That is columns times columns: the first matrix gives its rows.": one.T @ two,
        "That is the sum of both.": one + two,
    }
    fitting = [why for why, numbers in slips.items() if numbers is not None and torch.equal(given, numbers)]
    known = fitting[0] if len(fitting) == 1 else ""
    said = f"`{name}` has {wrong} of {right.numel()} numbers wrong"
    raise CheckFailed(f"{said}. {known}" if known else said, known=known)


def check_shapes(f: Any, right: Mapping[tuple[Shape, Shape], Shape | None], operation: str) -> None:
    """Demand of a function that predicts a result's shape from two shapes that it is right for all pairs.

    Args:
        right: by the two shapes, the result's shape, or None where the operation is impossible.
        operation: ``"*"`` or ``"@"``.

    Raises:
        CheckFailed: it is not; a rule that is mistaken is named. Without a hidden test also for which shapes.

    >>> check_shapes(lambda a, b: a, {((2, 1), (1, 3)): (2, 3)}, "*")
    Traceback (most recent call last):
    ...
    graders.failure.CheckFailed: the shape of `(2, 1) * (1, 3)` is not (2, 1): look at dim 1 again. A size of 1 is ...
    """
    name = "broadcast_shape" if operation == "*" else "matmul_shape"
    function = as_function(f, name)
    for (a, b), wanted in right.items():
        given = call(function, (a, b), name)
        try:
            check_shape(given, wanted, f"{a} {operation} {b}")
        except CheckFailed as failed:
            why = (_broadcast_slip if operation == "*" else _matmul_slip)(a, b, sizes(given), wanted)
            said = f"{name}() is wrong for {_kind(a, b, wanted)}"
            raise CheckFailed(f"{failed}. {why}".strip(), redacted=f"{said}. {why}".strip(), known=why) from None


def _broadcast_slip(a: Shape, b: Shape, given: Shape | None, right: Shape | None) -> str:
    flipped = _broadcast(a[::-1], b[::-1])
    if flipped is not None and len(a) != len(b) and given == flipped[::-1] != right:
        return "The shapes were aligned at the left; it is their ends that meet."
    if right is None:
        return "" if given is None else "Two sizes fit only if they are equal or one of them is 1."
    if given is None:
        return "Shapes need not be the same: a missing size counts as 1, and a size of 1 fits any other."
    if given in (a, b):
        return "A size of 1 is stretched to the other one, in whichever of the two shapes it is."
    return ""


def _matmul_slip(a: Shape, b: Shape, given: Shape | None, right: Shape | None) -> str:
    if right is None:
        return "" if given is None else "The columns of the first must be as many as the rows of the second."
    if given is None:
        return "Only the columns of the first and the rows of the second have to agree; what is before them broadcasts."
    if given == _broadcast(a, b):
        return "That is the rule of `*`."
    if given[-2:] == (b[-1], a[-2]) != right[-2:]:
        return "The rows come from the first, the columns from the second."
    if given == (*a[:-1], b[-1]):
        return "The batch is not always the one of the first."
    return ""


def _broadcast(a: Shape, b: Shape) -> Shape | None:
    try:
        return tuple(torch.broadcast_shapes(a, b))
    except RuntimeError:
        return None


def _kind(a: Shape, b: Shape, right: Shape | None) -> str:
    if right is None:
        return "some shapes that do not fit"
    return "two shapes with different numbers of dims" if len(a) != len(b) else "two shapes with as many dims"


def _is_list(value: Any, length: int) -> bool:
    return type(value) in (list, tuple) and len(value) == length


def _is_number(value: Any) -> bool:
    return type(value) in (int, float)
