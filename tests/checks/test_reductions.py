"""The grader of *reductions*: what is right passes in every form, each misconception is named, no value of any kind trips it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from graders.failure import CheckFailed
from graders.reductions import as_shape, check_probabilities, check_reduced_shape, check_shares, check_standardised

SQUARE = torch.tensor([[1.0, 3.0], [2.0, 6.0]])
TABLE = torch.tensor([[1.0, 3.0, 4.0], [2.0, 7.0, 1.0], [5.0, 5.0, 9.0], [3.0, 1.0, 2.0]])


def _why(check: Any, *args: object, **kwargs: object) -> str:
    with pytest.raises(CheckFailed) as caught:
        check(*args, **kwargs)
    return str(caught.value)


@given(st.lists(st.integers(1, 4), min_size=1, max_size=4), st.data())
def test_torchs_own_shapes_pass(shape: list[int], data: Any) -> None:
    dim = data.draw(st.integers(-len(shape), len(shape) - 1))
    keepdim = data.draw(st.booleans())
    true = torch.empty(shape).sum(dim, keepdim).shape
    for form in (true, tuple(true), list(true)):
        check_reduced_shape(form, true, shape=shape, dim=dim, keepdim=keepdim)


@pytest.mark.parametrize(
    ("got", "shape", "dim", "keepdim", "why"),
    [
        ((3,), (3, 4), 0, False, "The dimension that is named goes"),
        ((1, 4), (3, 4), 0, False, "A size of 1 is left only where keepdim=True"),
        ((4,), (3, 4), 0, True, "With keepdim=True the dimension stays"),
        ((4, 5), (3, 4, 5), 1, False, "Dimensions count from 0"),
        ((3, 4), (3, 4), -1, False, "Negative dimensions count from the end"),
        ((4, 5), (3, 4, 5), (0, 1), False, "All dimensions that are named go"),
        ((9, 9), (3, 4), 0, False, "expected (4,)."),
    ],
)
def test_a_wrong_rule_for_shapes_is_named(got: Any, shape: Any, dim: Any, keepdim: bool, why: str) -> None:
    true = tuple(torch.empty(shape).sum(dim, keepdim).shape)
    with pytest.raises(CheckFailed) as caught:
        check_reduced_shape(got, true, shape=shape, dim=dim, keepdim=keepdim)
    assert why in str(caught.value)
    assert f"expected {true}" in str(caught.value)
    assert f"{true}" not in caught.value.redacted
    assert f"{shape}" not in caught.value.redacted or got == shape


@pytest.mark.parametrize(
    "value", [None, 3, "23", {2, 3}, (2.0, 3), (True, 3), torch.ones(2), np.array([2, 3]), object()]
)
def test_what_is_no_shape(value: object) -> None:
    assert "`s` should be a tuple of whole numbers" in _why(as_shape, value, "s")


@given(st.integers(0, 2**31), st.lists(st.integers(1, 4), min_size=1, max_size=3), st.data())
def test_what_is_right_passes(seed: int, shape: list[int], data: Any) -> None:
    x = torch.rand(shape, generator=torch.Generator().manual_seed(seed)) + 0.5
    dim = data.draw(st.integers(-len(shape), len(shape) - 1))
    for form in (x / x.sum(dim, keepdim=True), torch.nn.Parameter(x.double() / x.double().sum(dim, keepdim=True))):
        check_shares(form, "s", of=x, dim=dim)
    check_probabilities((x * 100).softmax(dim), "p", of=x * 100, dim=dim)


@given(st.integers(0, 2**31))
def test_standardised_columns_pass(seed: int) -> None:
    x = torch.randn(5, 3, generator=torch.Generator().manual_seed(seed)) * 9 + 50
    check_standardised((x - x.mean(0)) / x.std(0, correction=0), "z", of=x)
    check_standardised(x - x.mean(0), "z", of=x, what="mean")


@pytest.mark.parametrize(
    ("got", "of", "dim", "why"),
    [
        (SQUARE / SQUARE.sum(0), SQUARE, 1, "It sums to 1 along dim 0"),
        (SQUARE / SQUARE.sum(), SQUARE, 1, "the sum is that of the whole tensor"),
        (SQUARE / SQUARE.sum(1), SQUARE, 1, "laid along the wrong dimension"),
        (100 * SQUARE / SQUARE.sum(1, keepdim=True), SQUARE, 1, "these are percent"),
        (torch.full((2, 2), 0.5), SQUARE, 1, "not all its numbers are in proportion"),
        (SQUARE.sum(1), SQUARE, 1, "has shape (2,), expected (2, 2)"),
        (SQUARE / 0, SQUARE, 1, "contains infinity"),
        (SQUARE * float("nan"), SQUARE, 1, "contains NaN"),
        (SQUARE * 1j, SQUARE, 1, "real numbers"),
        (SQUARE, SQUARE, 1, "does not sum to 1 along dim 1"),
    ],
)
def test_wrong_shares_are_named(got: torch.Tensor, of: torch.Tensor, dim: int, why: str) -> None:
    assert why in _why(check_shares, got, "s", of=of, dim=dim)


@pytest.mark.parametrize(
    ("got", "why"),
    [
        (SQUARE.softmax(0), "It sums to 1 along dim 0"),
        (SQUARE.log_softmax(1), "these are logarithms of probabilities"),
        (-SQUARE, "a probability is never negative"),
        ((-SQUARE).softmax(1), "gives a larger logit a smaller probability"),
        (SQUARE.exp() / SQUARE.exp().sum(1), "laid along the wrong dimension"),
        ((SQUARE * 1000).exp() / (SQUARE * 1000).exp().sum(1, keepdim=True), "contains NaN"),
    ],
)
def test_wrong_probabilities_are_named(got: torch.Tensor, why: str) -> None:
    assert why in _why(check_probabilities, got, "p", of=SQUARE, dim=1)


@pytest.mark.parametrize(
    ("got", "why"),
    [
        (TABLE - TABLE.mean(1, keepdim=True), "The rows have it"),
        (TABLE - TABLE.mean(), "the mean of everything was subtracted"),
        (TABLE, "Not all columns of `z` have the mean 0"),
        (TABLE - TABLE.mean(0), "only the mean was taken care of"),
        ((TABLE - TABLE.mean(0)) / TABLE.std(0), "deviation of a sample"),
        ((TABLE - TABLE.mean(0)) / TABLE.var(0, correction=0), "the variance, not by its root"),
        ((TABLE - TABLE.mean(0)) / 7, "Not all columns of `z` have the standard deviation 1"),
        (TABLE.mean(0) - TABLE, "are not the given ones, moved and scaled"),
        (torch.zeros(4, 3), "are not the given ones, moved and scaled"),
        (TABLE.mean(0), "has shape (3,), expected (4, 3)"),
    ],
)
def test_wrongly_standardised_columns_are_named(got: torch.Tensor, why: str) -> None:
    assert why in _why(check_standardised, got, "z", of=TABLE)


class _Liar(torch.Tensor):
    """Says yes to everything."""

    @classmethod
    def __torch_function__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return torch.tensor(True)


@pytest.mark.parametrize("check", [check_shares, check_probabilities])
@pytest.mark.parametrize("value", [None, [[1, 2]], np.ones((2, 2)), "x", len, float("nan"), object()])
def test_what_is_no_tensor(check: Any, value: object) -> None:
    assert "`x` should be a tensor, but it is" in _why(check, value, "x", of=SQUARE, dim=1)
    assert "`x` should be a tensor, but it is" in _why(check_standardised, value, "x", of=SQUARE)


def test_a_lying_subclass_is_judged_by_its_numbers() -> None:
    assert "does not sum to 1" in _why(check_shares, SQUARE.as_subclass(_Liar), "x", of=SQUARE, dim=1)
    check_shares((SQUARE / SQUARE.sum(1, keepdim=True)).as_subclass(_Liar), "x", of=SQUARE, dim=1)
