"""The grader of *operations*: slips of the hand and mistaken rules by their names, whatever is handed in."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from graders.failure import CheckFailed
from graders.operations import check_rows, check_shapes, check_worked_out

from .odd_values import ODD, count_refused

C, D = torch.tensor([[1, 2], [0, 3]]), torch.tensor([[4, 1], [5, 2]])
_shapes = st.lists(st.integers(1, 4), max_size=4).map(tuple)
_numbers = st.lists(st.lists(st.integers(-9, 9), min_size=2, max_size=2), min_size=2, max_size=2)


@settings(deadline=None)
@given(_numbers, _numbers)
def test_what_is_right_passes_in_every_form(first: list[list[int]], second: list[list[int]]) -> None:
    one, two = torch.tensor(first), torch.tensor(second)
    for operation, right in (("*", one * two), ("@", one @ two)):
        rows = right.tolist()
        for form in (right, right.float(), rows, tuple(map(tuple, rows)), [[float(n) for n in row] for row in rows]):
            check_worked_out(form, operation, one, two, "rows")


@pytest.mark.parametrize(
    ("value", "operation", "why"),
    [
        (C @ D, "*", "2 of 4|with `@`"),
        (C * D, "@", "3 of 4 numbers wrong. That is the product position by position"),
        (D @ C, "@", "the second matrix came first"),
        ((C @ D).T, "@", "Rows and columns changed places"),
        (C @ D.T, "@", "the second matrix gives its columns"),
        (C.T @ D, "@", "the first matrix gives its rows"),
        (C + D, "@", "the sum of both"),
        ([[14, 5], [15, 7]], "@", "1 of 4 numbers wrong$"),
        ([[float("nan"), 5], [15, 6]], "@", "1 of 4 numbers wrong$"),
        ([[14, 5], [15]], "@", "a list of 2 rows with 2 numbers in each"),
        ([[14, 5], [15, True]], "@", "a list of 2 rows"),
        ([[14, 5], [15, "6"]], "@", "a list of 2 rows"),
        (torch.ones(2, 3), "@", "a list of 2 rows"),
    ],
)
def test_a_slip_of_the_hand_is_named(value: Any, operation: str, why: str) -> None:
    with pytest.raises(CheckFailed, match=why) as caught:
        check_worked_out(value, operation, C, D, "rows")
    assert "15" not in caught.value.redacted or not isinstance(value, torch.Tensor)


def _product(a: tuple[int, ...], b: tuple[int, ...]) -> tuple[int, ...] | None:
    try:
        return tuple((torch.empty(a, device="meta") * torch.empty(b, device="meta")).shape)
    except RuntimeError:
        return None


@settings(deadline=None)  # the first use of a tensor on meta takes seconds
@given(_shapes, _shapes)
def test_the_true_rule_passes(a: tuple[int, ...], b: tuple[int, ...]) -> None:
    right = {(a, b): _product(a, b)}
    check_shapes(_product, right, "*")
    wrong = {(a, b): None if right[a, b] is not None else a}
    with pytest.raises(CheckFailed):
        check_shapes(_product, wrong, "*")


def _left(a: tuple[int, ...], b: tuple[int, ...]) -> tuple[int, ...] | None:
    dims = max(len(a), len(b))
    return _product(a + (1,) * (dims - len(a)), b + (1,) * (dims - len(b)))


@pytest.mark.parametrize(
    ("f", "pair", "right", "operation", "why"),
    [
        (_left, ((5, 1), (5,)), (5, 5), "*", "aligned at the left"),
        (_left, ((3, 2), (3,)), None, "*", "aligned at the left"),
        (lambda a, b: a if a == b else None, ((2, 1), (1, 3)), (2, 3), "*", "Shapes need not be the same"),
        (lambda a, b: tuple(map(max, a, b)), ((3, 2), (3, 3)), None, "*", "only if they are equal or one of them is 1"),
        (lambda a, b: b, ((2, 1), (1, 3)), (2, 3), "*", "A size of 1 is stretched"),
        (lambda a, b: (9, 9), ((2, 1), (1, 3)), (2, 3), "*", "look at dim 0 and 1 again"),
        (lambda a, b: (a[0], b[1]), ((2, 3), (2, 3)), None, "@", "as many as the rows of the second"),
        (lambda a, b: None, ((4, 2, 3), (3, 2)), (4, 2, 2), "@", "what is before them broadcasts"),
        (_product, ((2, 2), (2, 1)), (2, 1), "@", "the rule of `\\*`"),
        (lambda a, b: (b[1], a[0]), ((2, 3), (3, 5)), (2, 5), "@", "The rows come from the first"),
        (lambda a, b: (*a[:-1], b[-1]), ((2, 3), (6, 3, 4)), (6, 2, 4), "@", "not always the one of the first"),
        (lambda a, b: 1 / 0, ((2,), (2,)), (2,), "*", "`broadcast_shape` raised ZeroDivisionError"),
        (None, ((2,), (2,)), (2,), "@", "`matmul_shape` should be a function"),
    ],
)
def test_a_mistaken_rule_is_named(f: Any, pair: Any, right: Any, operation: str, why: str) -> None:
    with pytest.raises(CheckFailed, match=why) as caught:
        check_shapes(f, {pair: right}, operation)
    assert str(pair[0]) not in caught.value.redacted


def test_values_of_every_kind_are_refused_in_words() -> None:
    count = len(ODD)
    checks: list[Callable[[Any], Any]] = [
        lambda value: check_rows(value, (4, 3), "rows"),
        lambda value: check_worked_out(value, "@", C, D, "rows"),
        lambda value: check_shapes(value, {((2,), (2,)): (2,)}, "*"),
        lambda value: check_shapes(lambda a, b: value, {((2,), (2,)): (2,)}, "*"),
        lambda value: check_shapes(lambda a, b: value, {((2, 3), (3, 2)): (2, 2)}, "@"),
    ]
    for check in checks:
        assert count_refused(check) == count
