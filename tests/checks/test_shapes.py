"""Named dims and wildcards: what fits is bound, what does not is shown with what is known."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from graders.checks import CheckFailed, Dims, check_tensor
from graders.dims import parse_shape

_sizes = st.lists(st.integers(0, 5), max_size=4)


@given(_sizes)
def test_names_fit_any_sizes_and_then_only_these(sizes: list[int]) -> None:
    dims, names = Dims(), " ".join(f"d{place}" for place in range(len(sizes)))
    assert dims.problem(names, tuple(sizes)) == ""
    assert dims.problem(names, tuple(sizes)) == ""
    assert all(dims[f"d{place}"] == size for place, size in enumerate(sizes))
    if sizes:
        assert dims.problem(names, (sizes[0] + 1, *sizes[1:]))


@given(_sizes, _sizes)
def test_many_dims_are_bound_together(front: list[int], back: list[int]) -> None:
    dims = Dims()
    assert dims.problem("*front 7 _", (*front, 7, 3)) == ""
    assert dims.problem("... 7", (*back, 7)) == ""
    assert dims["front"] == tuple(front)
    assert bool(dims.problem("*front", tuple(back))) == (front != back)


@pytest.mark.parametrize(
    ("wanted", "shape", "says"),
    [
        ("n n", (2, 3), "has shape (2, 3), expected (n, n)"),
        ("batch 3", (4, 2), "has shape (4, 2), expected (batch = 4, 3)"),
        ("3", (4,), "has shape (4,), expected (3,)"),
        ("", (4,), "has shape (4,), expected ()"),
        ("*rest 2", (4, 3), "has shape (4, 3), expected (*rest, 2)"),
        ("... 2 2", (2,), "has shape (2,), expected (..., 2, 2)"),
        ("(batch, _)", (4,), "has shape (4,), expected (batch = 4, any)"),
        ((None, 1), (4, 2), "has shape (4, 2), expected (any, 1)"),
        (torch.Size([1]), (4,), "has shape (4,), expected (1,)"),
    ],
)
def test_what_does_not_fit_is_said(wanted: object, shape: tuple[int, ...], says: str) -> None:
    assert Dims(batch=4).problem(wanted, shape) == says  # type: ignore[arg-type]


def test_a_wrong_shape_is_diagnosed_where_values_tell_it() -> None:
    x = torch.tensor([[1.0, 2.0, 7.0], [5.0, 9.0, 1.0]])
    with pytest.raises(CheckFailed, match=r"expected \(rows = 2,\). It is the mean of `x` over dim 0"):
        check_tensor(x.mean(0), "m", "rows", dims=Dims(rows=2), values=x.mean(1), inputs={"x": x})


def test_a_failed_check_binds_nothing() -> None:
    dims = Dims()
    assert dims.problem("n 3", (5, 4))
    assert "n" not in dims


@pytest.mark.parametrize("wanted", ["a-b", "*a *b", "... *a", "3.5", "-1"])
def test_what_is_no_shape_is_the_instructor_s_mistake(wanted: str) -> None:
    with pytest.raises(ValueError, match=r"shape|size"):
        parse_shape(wanted)


@pytest.mark.parametrize(
    ("kind", "right", "wrong"),
    [
        ("float", torch.bfloat16, torch.int64),
        ("int", torch.uint8, torch.bool),
        ("bool", torch.bool, torch.int64),
        ("complex", torch.complex64, torch.float32),
    ],
)
def test_kinds_of_dtype(kind: str, right: torch.dtype, wrong: torch.dtype) -> None:
    check_tensor(torch.zeros(1, dtype=right), "x", dtype=kind)
    with pytest.raises(CheckFailed, match="`x` has dtype"):
        check_tensor(torch.zeros(1, dtype=wrong), "x", dtype=kind)
    with pytest.raises(ValueError, match="number"):
        check_tensor(torch.zeros(1), "x", dtype="number")


def test_layout_and_finite_values() -> None:
    check_tensor(torch.eye(2).to_sparse(), "x", layout=torch.sparse_coo, values=torch.eye(2), finite=True)
    with pytest.raises(CheckFailed, match="`x` has layout sparse_coo, expected strided"):
        check_tensor(torch.eye(2).to_sparse(), "x", layout=torch.strided)
    with pytest.raises(CheckFailed, match="of 3 values 1 NaN and 1 infinite"):
        check_tensor(torch.tensor([1.0, float("nan"), float("-inf")]), "x", finite=True)
    check_tensor(torch.tensor([1, 2]), "x", finite=True)


def test_the_diagnosis_is_told_of_hidden_tests_without_their_numbers() -> None:
    x = torch.tensor([[1.0, 2.0, 77.0], [5.0, 9.0, 1.0]])
    with pytest.raises(CheckFailed) as caught:
        check_tensor(x.mean(0), "m", values=x.mean(1), inputs={"x": x})
    assert caught.value.redacted == (
        "`m` has shape (3,), expected (2,). It is the mean of `x` over dim 0, where dim 1 is asked."
    )
    with pytest.raises(CheckFailed) as caught:
        check_tensor(x + 0.375, "m", values=x)
    assert "0.375" in str(caught.value)
    assert "0.375" not in caught.value.redacted
    assert "too large by the same amount" in caught.value.redacted
