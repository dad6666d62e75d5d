"""Predictions of dtypes and shapes: every spelling of a right one passes, and no reason tells what is right."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from graders.failure import CheckFailed
from graders.predictions import check_all_there, check_choice, check_dtype, check_shape

from .odd_values import ODD, count_refused

DTYPES = (torch.bool, torch.uint8, torch.int64, torch.float16, torch.float32, torch.float64, torch.complex64)
_sizes = st.lists(st.integers(0, 9), max_size=4).map(tuple)


@pytest.mark.parametrize("right", DTYPES)
@pytest.mark.parametrize("said", DTYPES)
def test_a_dtype_passes_in_every_spelling_and_no_other_does(right: torch.dtype, said: torch.dtype) -> None:
    tensor = torch.zeros(2, dtype=right)
    text = str(said).removeprefix("torch.")
    for spelling in (said, str(said), text):
        if said == right:
            check_dtype(spelling, tensor, "a")
            continue
        with pytest.raises(CheckFailed, match=f"`a` is not {text}: ") as caught:
            check_dtype(spelling, tensor, "a")
        assert str(right).removeprefix("torch.") not in str(caught.value).replace(f"not {text}", "")


def test_the_reason_says_whether_the_kind_is_right() -> None:
    with pytest.raises(CheckFailed, match="the kind of number is right"):
        check_dtype(torch.float32, torch.zeros(1, dtype=torch.float64), "a")
    with pytest.raises(CheckFailed, match="another kind of number"):
        check_dtype(torch.float32, torch.tensor([True]), "a")


@pytest.mark.parametrize("said", ["float", "torch.nn", "__name__", "int46", 3, None, [torch.int64]])
def test_what_is_no_dtype(said: Any) -> None:
    if said == "float":  # torch.float is a name of float32
        check_dtype(said, torch.zeros(1), "a")
        return
    with pytest.raises(CheckFailed, match="should be a dtype such as"):
        check_dtype(said, torch.zeros(1, dtype=torch.int32), "a")


@settings(deadline=None)
@given(_sizes, _sizes)
def test_a_shape_passes_as_tuple_list_and_size_and_no_other_does(right: tuple[int, ...], said: tuple[int, ...]) -> None:
    for spelling in (said, list(said), torch.Size(said)):
        if said == right:
            check_shape(spelling, right, "a")
            continue
        with pytest.raises(CheckFailed) as caught:
            check_shape(spelling, right, "a")
        assert str(right) not in str(caught.value).replace(str(said), "")


@pytest.mark.parametrize(
    ("said", "right", "why"),
    [
        ((3, 2), (2, 3), "in another order"),
        ((2,), (2, 3), "it has more dimensions"),
        ((2, 3, 1), (2, 3), "it has fewer dimensions"),
        ((2, 4), (2, 3), "look at dim 1 again"),
        (None, (2, 3), "it can"),
        ((2, 3), None, "the answer is None"),
        ((2.0, 3.0), (2, 3), "a tuple of whole numbers"),
        ((True, 3), (1, 3), "a tuple of whole numbers"),
        ("(2, 3)", (2, 3), "a tuple of whole numbers"),
        (6, (6,), "a tuple of whole numbers"),
    ],
)
def test_a_wrong_shape_is_named(said: Any, right: Any, why: str) -> None:
    with pytest.raises(CheckFailed, match=why):
        check_shape(said, right, "a")


def test_none_is_right_where_shapes_do_not_fit() -> None:
    check_shape(None, None, "a")


def test_choices() -> None:
    check_choice("data", "data", "rain", ("data", "shape"))
    with pytest.raises(CheckFailed, match="'shape' does not fit 'rain'"):
        check_choice("shape", "data", "rain", ("data", "shape"))
    with pytest.raises(CheckFailed, match="there should be one of 'data', 'shape'"):
        check_choice("Data", "data", "rain", ("data", "shape"))


def test_values_of_every_kind_are_refused_in_words() -> None:
    count = len(ODD)
    assert count_refused(lambda value: check_dtype(value, torch.tensor([1]), "a")) == count
    assert count_refused(lambda value: check_shape(value, (2, 3), "a")) == count
    assert count_refused(lambda value: check_choice(value, "data", "a", ("data", "shape"))) == count
    assert count_refused(lambda value: check_all_there(value, "ab", "predicted")) == count
