"""Inputs for functions: of the shapes and dtypes that were asked, and small where they can be."""

from __future__ import annotations

import pytest
import torch
from hypothesis import find, given, settings
from hypothesis import strategies as st

from graders.strategies import arguments, broadcastable_pairs, matmul_pairs, shapes, tensors

DTYPES = [torch.float32, torch.float64, torch.int64, torch.uint8, torch.bool, torch.complex64, torch.bfloat16]


@given(shapes(1, 3, min_side=2, max_side=4))
def test_shapes(shape: tuple[int, ...]) -> None:
    assert 1 <= len(shape) <= 3
    assert all(2 <= size <= 4 for size in shape)


@settings(deadline=None)
@given(st.data(), st.sampled_from(DTYPES))
def test_tensors_of_each_dtype_and_shape(data: st.DataObject, dtype: torch.dtype) -> None:
    assert data.draw(tensors((2, None), dtype)).dtype is dtype
    x = data.draw(tensors("n 3 *rest", dtype, sizes={"n": 2}))
    assert x.shape[:2] == (2, 3)
    assert data.draw(tensors(st.just((0, 2)), dtype)).shape == (0, 2)
    assert data.draw(tensors((20, 20), dtype)).shape == (20, 20)
    assert not x.requires_grad


@settings(deadline=None)
@given(
    arguments("n d", ("n", torch.int64), ("d k", torch.float64, st.just(2.0)), st.integers(0, 3), [1, 2], max_side=6)
)
def test_names_mean_the_same_size_in_all_arguments(drawn: tuple[object, ...]) -> None:
    x, y, w, number, given_as_it_is = drawn
    assert isinstance(x, torch.Tensor)
    assert isinstance(y, torch.Tensor)
    assert isinstance(w, torch.Tensor)
    assert x.shape == (y.shape[0], w.shape[0])
    assert (y.dtype, w.dtype) == (torch.int64, torch.float64)
    assert bool((w == 2.0).all())
    assert number in range(4)
    assert given_as_it_is == [1, 2]


@settings(deadline=None)
@given(broadcastable_pairs(), matmul_pairs(), matmul_pairs(batched=True))
def test_pairs_fit(
    one: tuple[torch.Tensor, ...], two: tuple[torch.Tensor, ...], three: tuple[torch.Tensor, ...]
) -> None:
    assert (one[0] + one[1]).shape == torch.broadcast_shapes(one[0].shape, one[1].shape)
    for a, b in (two, three):
        assert (a @ b).shape[-2:] == (a.shape[-2], b.shape[-1])


def test_they_shrink_to_little() -> None:
    assert find(tensors("n d"), lambda x: x.numel() > 2 and bool((x != 0).any())).abs().sum() == 1
    assert find(arguments("n", requires_grad := True), lambda pair: pair[0].numel() > 0) == (
        torch.zeros(1),
        requires_grad,
    )


@pytest.mark.parametrize("wanted", ["a-b", "*a *b"])
def test_what_is_no_shape(wanted: str) -> None:
    with pytest.raises(ValueError, match=r"size|shape"):
        find(tensors(wanted), lambda _: True)


@given(tensors("3", requires_grad=True))
def test_leaves(x: torch.Tensor) -> None:
    assert x.requires_grad
    assert x.is_leaf
