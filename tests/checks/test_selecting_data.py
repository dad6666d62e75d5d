"""The grader of *selecting data*: what is right passes, each misconception is named, no value of any kind trips it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from graders.failure import CheckFailed
from graders.selecting_data import (
    check_best,
    check_fraction,
    check_picked,
    check_put_back,
    check_top_k,
    check_untouched,
)

GRID = torch.tensor([[7, 3, 9], [1, 8, 4], [6, 2, 5]])
INDEX = torch.tensor([[1], [2], [1]])
LABELS = INDEX[:, 0]
VALUES, PLACES = torch.tensor([[5.0, 6.0], [7.0, 8.0]]), torch.tensor([[2, 0], [1, 3]])


def _why(check: Any, *args: object) -> str:
    with pytest.raises(CheckFailed) as caught:
        check(*args)
    return str(caught.value)


@given(st.integers(0, 2**31), st.integers(1, 5), st.integers(1, 5), st.data())
def test_what_is_right_passes(seed: int, rows: int, columns: int, data: Any) -> None:
    generator = torch.Generator().manual_seed(seed)
    x = torch.randperm(rows * columns, generator=generator).reshape(rows, columns)
    labels = torch.randint(columns, (rows,), generator=generator)
    check_best(x.argmax(1), x, "best")
    check_best(x.argmax(1).int(), x, "best")
    check_picked(x[range(rows), labels], x.gather(1, labels[:, None])[:, 0], x, labels, "picked")
    check_picked(x.gather(1, labels[:, None]), x.gather(1, labels[:, None]), x, labels[:, None], "picked")
    values = torch.rand(rows, 1, generator=generator, dtype=torch.float64) + 1
    back = torch.zeros(rows, columns, dtype=torch.float64).scatter(1, labels[:, None], values)
    check_put_back(back, values, labels[:, None], columns, "back")

    def top_k(scores: torch.Tensor, labels: torch.Tensor, k: int) -> torch.Tensor:
        return (scores.topk(k, 1).indices == labels[:, None]).any(1).float().mean()

    check_top_k(top_k, x, labels, range(1, columns + 1), "top_k")
    check_top_k(lambda *given: top_k(*given).double(), x, labels, [1], "top_k")
    hits = x.argmax(1) == labels
    check_fraction(hits.float().mean(), hits, "accuracy")


@pytest.mark.parametrize(
    ("got", "why"),
    [
        (GRID.amax(1), "where they are is asked"),
        (GRID.argmax(0), "the other dim is asked for"),
        (GRID.argmax(), "one position in the whole tensor"),
        (GRID.argmin(1), "positions of the smallest"),
        (GRID.argmax(1) + 1, "Positions count from 0"),
        (GRID.argmax(1, keepdim=True), "still there (keepdim)"),
        (GRID.argmax(1).float(), "should hold positions (int64), but its dtype is float32"),
        (torch.tensor([0, 0, 0]), "does not give the position of the largest element of each row"),
        (torch.tensor([0, 0]), "has shape (2,), expected (3,)"),
    ],
)
def test_wrong_positions_are_named(got: torch.Tensor, why: str) -> None:
    assert why in _why(check_best, got, GRID, "best")


@pytest.mark.parametrize(
    ("got", "index", "why"),
    [
        (GRID[:, LABELS], LABELS, "These columns were taken from every row"),
        (GRID[:, LABELS], INDEX, "These columns were taken from every row"),
        (GRID.gather(1, INDEX), LABELS, "squeeze it away"),
        (GRID.gather(1, INDEX - 1), INDEX, "The columns are one off"),
        (GRID.gather(0, INDEX), INDEX, "along dim 0"),
        (GRID[LABELS], LABELS, "These are whole rows"),
        (INDEX, INDEX, "That is the index itself"),
        (GRID[:, :1], INDEX, "whatever the index says"),
        (torch.zeros(3, 1), INDEX, "has 3 of 3 values wrong: it is [[0.0], [0.0], [0.0]], expected [[3], [4], [2]]"),
    ],
)
def test_wrong_picks_are_named(got: torch.Tensor, index: torch.Tensor, why: str) -> None:
    right = GRID.gather(1, INDEX).reshape(index.shape)
    with pytest.raises(CheckFailed) as caught:
        check_picked(got, right, GRID, index, "picked")
    assert why in str(caught.value)
    assert "expected [" not in caught.value.redacted


def test_a_single_row_that_was_squeezed_away() -> None:
    assert "takes that row away too" in _why(check_picked, torch.tensor(3), [3], GRID[:1], LABELS[:1], "picked")


@pytest.mark.parametrize(
    ("got", "why"),
    [
        (VALUES, "As many columns as were asked for"),
        (torch.zeros(2, 4).scatter(1, PLACES, PLACES.float()), "The positions were written"),
        (torch.zeros(2, 4).scatter(1, PLACES.flip(1), VALUES), "in the wrong order"),
        (torch.zeros(2, 4).scatter(1, PLACES[:, :1], VALUES), "Only one value of each row arrived"),
        (torch.ones(2, 4).scatter(1, PLACES, VALUES), "should be 0 wherever the index does not point"),
        (
            torch.zeros(2, 4).scatter(1, PLACES, VALUES).double(),
            "has dtype float64, expected that of the values, float32",
        ),
        (torch.zeros(4, 2), "has shape (4, 2), expected (2, 4)"),
        (torch.zeros(2, 4), "does not give the values again"),
    ],
)
def test_what_was_put_back_wrongly_is_named(got: torch.Tensor, why: str) -> None:
    assert why in _why(check_put_back, got, VALUES, PLACES, 4, "back")


SCORES = torch.arange(20.0).reshape(4, 5)
GIVEN = torch.tensor([4, 3, 3, 0])  # in places 1, 2, 2 and 5


def _hits(scores: torch.Tensor, labels: torch.Tensor, k: int) -> torch.Tensor:
    return scores.topk(k, 1).indices == labels[:, None]


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        (lambda s, y, k: _hits(s, y, k).float().mean(), "divided by k too"),
        (lambda s, y, k: _hits(s, y, k).any(1).float().sum(), "a count of rows"),
        (lambda s, y, k: _hits(s, y, 1).float().mean(), "k makes no difference"),
        (lambda s, y, k: _hits(s, y, k)[:, -1].float().mean(), "in place k exactly"),
        (lambda s, y, k: _hits(-s, y, k).any(1).float().mean(), "the k smallest scores"),
        (lambda s, y, k: 1 - _hits(s, y, k).any(1).float().mean(), "the fraction of misses"),
        (lambda s, y, k: _hits(s, y, min(k + 1, 5)).any(1).float().mean(), "among the best k + 1"),
        (lambda s, y, k: (s.topk(k, 1).indices == y).any(1).float().mean(), "laid along the k places"),
        (lambda s, y, k: torch.tensor(0.77), ""),
        (lambda s, y, k: torch.tensor(float("nan")), ""),
    ],
)
def test_a_wrong_top_k_is_named_where_one_misconception_explains_every_k(wrong: Any, why: str) -> None:
    with pytest.raises(CheckFailed) as caught:
        check_top_k(wrong, SCORES, GIVEN, [1, 5, 2], "top_k")
    said = str(caught.value)
    assert said.startswith("`top_k` is ")
    assert why in said if why else said.endswith(("expected 0.25", "expected 1"))
    assert "expected" not in caught.value.redacted


@pytest.mark.parametrize("got", [torch.tensor(1), torch.ones(8), torch.tensor(True), None, 1.0])
def test_a_fraction_of_another_kind(got: Any) -> None:
    assert "should" in _why(check_top_k, lambda *_: got, SCORES, GIVEN, [1], "top_k")
    assert "should" in _why(check_fraction, got, torch.tensor([True]), "accuracy")


@pytest.mark.parametrize(
    ("got", "why"),
    [
        (3.0, "a count of rows"),
        (75.0, "in percent"),
        (0.25, "of misses"),
        (0.5, "expected 0.75"),
        (float("nan"), "nan"),
    ],
)
def test_a_wrong_fraction_is_named(got: float, why: str) -> None:
    assert why in _why(check_fraction, torch.tensor(got), torch.tensor([True, False, True, True]), "accuracy")


@pytest.mark.parametrize("value", [None, [3, 1], np.ones(3), "x", len, float("nan"), object()])
def test_what_is_no_tensor(value: object) -> None:
    for said in (
        _why(check_best, value, GRID, "v"),
        _why(check_picked, value, LABELS, GRID, LABELS, "v"),
        _why(check_put_back, value, VALUES, PLACES, 4, "v"),
        _why(check_top_k, lambda *_: value, SCORES, GIVEN, [2], "v"),
    ):
        assert said.startswith("`v` should be a tensor, but it is")


def test_in_place_and_raising() -> None:
    check_untouched(lambda x: x + 1, GRID, "f")
    check_untouched(lambda x: None, GRID, "f")
    assert "changed the tensor that it was given" in _why(check_untouched, lambda x: x.zero_(), GRID, "f")
    assert "raised ZeroDivisionError" in _why(check_untouched, lambda x: 1 / 0, GRID, "f")
    assert GRID.any(), "the check hands over a copy"
