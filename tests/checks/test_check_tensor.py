"""check_tensor: nothing for what is right; for anything else, of whatever kind, a reason in a student's words."""

from __future__ import annotations

import re

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from graders.checks import CheckFailed, check_tensor

DTYPES = [
    torch.float32,
    torch.float64,
    torch.float16,
    torch.bfloat16,
    torch.int64,
    torch.int32,
    torch.uint8,
    torch.bool,
]
_shapes = st.lists(st.integers(0, 4), max_size=4).map(tuple)


@given(shape=_shapes, dtype=st.sampled_from(DTYPES))
def test_a_tensor_is_what_it_is(shape: tuple[int, ...], dtype: torch.dtype) -> None:
    tensor = torch.zeros(shape, dtype=dtype)
    check_tensor(tensor, "x", shape, dtype, "cpu", False, leaf=True, values=torch.zeros(shape, dtype=dtype))
    check_tensor(tensor, "x", shape=[None] * len(shape))


@given(shape=_shapes, other=_shapes)
def test_another_shape_is_named(shape: tuple[int, ...], other: tuple[int, ...]) -> None:
    if shape == other:
        return
    with pytest.raises(CheckFailed, match=re.escape(f"`x` has shape {shape}, expected {other}")):
        check_tensor(torch.zeros(shape), "x", shape=other)


@given(dtype=st.sampled_from(DTYPES), other=st.sampled_from(DTYPES))
def test_another_dtype_is_named(dtype: torch.dtype, other: torch.dtype) -> None:
    if dtype == other:
        return
    with pytest.raises(CheckFailed, match=f"dtype {str(dtype)[6:]}, expected {str(other)[6:]}"):
        check_tensor(torch.zeros(1, dtype=dtype), "x", dtype=other)


def test_all_that_is_wrong_is_said_at_once() -> None:
    with pytest.raises(CheckFailed) as caught:
        check_tensor(torch.ones(2, dtype=torch.int64), "w", (2, 1), torch.float32, requires_grad=True)
    assert str(caught.value) == (
        "`w` has shape (2,), expected (2, 1); `w` has dtype int64, expected float32; "
        "`w` does not require gradients, and it should"
    )


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (None, "None (was it assigned or returned?)"),
        (3, "an int, 3"),
        (True, "a bool, True"),
        ([1.0], "a list, [1.0]"),
        ("text", "a string, 'text'"),
        (np.ones(2), "a NumPy array of shape (2,): turn it into a tensor with torch.from_numpy"),
        (len, "a function"),
        (object(), "an object of type object"),
        (list(range(1000)), "a list, [0, 1, 2"),
    ],
)
def test_what_is_no_tensor_is_described(value: object, words: str) -> None:
    with pytest.raises(CheckFailed) as caught:
        check_tensor(value, "x", shape=(1,))
    assert str(caught.value).startswith(f"`x` should be a tensor, but it is {words}")
    assert len(str(caught.value)) < 200


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), 1.5])
def test_values_that_differ_fail_nan_among_them(bad: float) -> None:
    with pytest.raises(CheckFailed, match=r"1 of 3 values"):
        check_tensor(torch.tensor([1.0, 2.0, bad]), "x", values=[1.0, 2.0, 3.0])


def test_nan_where_nan_is_expected_fails_too() -> None:
    with pytest.raises(CheckFailed):
        check_tensor(torch.tensor([float("nan")]), "x", values=[float("nan")])


def test_tolerance_follows_the_dtype_unless_given() -> None:
    check_tensor(torch.tensor([1.0 + 1e-7]), "x", values=[1.0])
    check_tensor(torch.tensor([1.05]), "x", values=[1.0], atol=0.1)
    with pytest.raises(CheckFailed):
        check_tensor(
            torch.tensor([1.0 + 1e-6], dtype=torch.float64), "x", values=torch.tensor([1.0]).double(), rtol=1e-9
        )


def test_hidden_tests_say_less() -> None:
    with pytest.raises(CheckFailed) as caught:
        check_tensor(torch.tensor([1.0, 2.0]), "x", values=[1.0, 77.5])
    assert "77.5" in str(caught.value)
    assert "77.5" not in caught.value.redacted
    assert "1 of 2 values wrong" in caught.value.redacted


def test_a_subclass_has_no_say() -> None:
    class Liar(torch.Tensor):
        @classmethod
        def __torch_function__(cls, *args: object, **kwargs: object) -> bool:  # type: ignore[override]
            return True

    with pytest.raises(CheckFailed):
        check_tensor(torch.zeros(2).as_subclass(Liar), "x", values=[1.0, 2.0])
