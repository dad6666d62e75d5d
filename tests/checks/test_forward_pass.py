"""The grader of *forward pass*: what is right passes, each misconception is named, no value of any kind trips it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from graders.failure import CheckFailed
from graders.forward_pass import check_mse, check_noise, check_prediction, check_refused, check_step_shapes, items


def _why(check: Any, *args: object) -> str:
    with pytest.raises(CheckFailed) as caught:
        check(*args)
    return str(caught.value)


@pytest.mark.parametrize(
    ("value", "why"),
    [
        (None, "it returned None"),
        (torch.ones(2), "it returned a tensor"),
        ((1, 2, 3), "it returned 3"),
        ("ab", "it returned a string"),
        ({1: 2, 3: 4}, "it returned a dict"),
        (object(), "it returned an object"),
    ],
)
def test_what_is_no_pair(value: object, why: str) -> None:
    assert items(lambda x: [x, None], [1], 2, "f") == (1, None)
    assert why in _why(items, lambda: value, [], 2, "f")
    assert "`f` raised ZeroDivisionError" in _why(items, lambda: 1 / 0, [], 2, "f")


@pytest.mark.parametrize("scale", [0.1, 0.5, 1.0, 3.0])
@pytest.mark.parametrize("seed", range(25))
def test_noise_passes_whatever_the_seed(scale: float, seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    x, noise = (torch.randn(5000, columns, generator=generator) for columns in (3, 2))
    check_noise(noise * scale, scale, x, "f")


def _noise(seed: int = 5) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(5000, 2, generator=generator), torch.rand(5000, 2, generator=generator)


@pytest.mark.parametrize(
    ("make", "why"),
    [
        (lambda n, u, x: 0 * n, "y lies on the line exactly"),
        (lambda n, u, x: n[:1].expand(5000, 2), "the same was added to every row"),
        (lambda n, u, x: 0.5 * n[:, :1].expand(5000, 2), "all outputs of a row got the same"),
        (lambda n, u, x: 0.5 * u, "is it uniform, from rand?"),
        (lambda n, u, x: 0.5 * n + 1, "its mean is not 0"),
        (lambda n, u, x: 0.25 * n, "not the given one: that is its square"),
        (lambda n, u, x: n, "not the given one: it was not scaled"),
        (lambda n, u, x: 0.5**0.5 * n, "not the given one: that is its root"),
        (lambda n, u, x: 0.8 * n, ", not the given one"),
        (lambda n, u, x: 3**0.5 * (u - 0.5), "it is not normally distributed"),
        (lambda n, u, x: 0.5 * x, "it goes with X"),
        (lambda n, u, x: n * float("nan"), "y holds NaN or infinity"),
    ],
)
def test_what_is_no_noise_is_named(make: Any, why: str) -> None:
    normal, uniform = _noise()
    x = _noise(6)[0]
    assert why in _why(check_noise, make(normal, uniform, x), 0.5, x, "f")


RIGHT = {"X": (5, 3), "W": (3, 2), "b": (2,), "loss": (), "W.grad": (3, 2)}


def test_right_shapes_pass_in_every_form() -> None:
    check_step_shapes({**RIGHT, "more": None}, RIGHT, "shapes")
    check_step_shapes({key: torch.Size(shape) for key, shape in RIGHT.items()}, RIGHT, "shapes")
    check_step_shapes({key: list(shape) for key, shape in RIGHT.items()}, RIGHT, "shapes")
    check_step_shapes({"X": (7,)}, ["X"], "shapes")


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        ({"W": (2, 3)}, "It is transposed."),
        ({"loss": (1,)}, "not one of size 1"),
        ({"loss": (5, 2)}, "A loss is one number."),
        ({"W.grad": ()}, "a gradient for each number of the parameter"),
        ({"b": (1, 2)}, "a dimension too many"),
        ({"X": (15,)}, "A dimension of size 1 is missing"),
        ({"X": (9, 9)}, "expected (5, 3)"),
        ({"X": 5}, 'shapes["X"]` should be a tuple of whole numbers'),
        ({"X": None}, "it is None"),
    ],
)
def test_wrong_shapes_are_named(wrong: dict[str, Any], why: str) -> None:
    with pytest.raises(CheckFailed) as caught:
        check_step_shapes({**RIGHT, **wrong}, RIGHT, "shapes")
    assert why in str(caught.value)
    assert "expected" not in caught.value.redacted


def test_what_is_no_dict_of_steps() -> None:
    for value in (None, [1], "x", torch.ones(1), object()):
        assert "should return a dict" in _why(check_step_shapes, value, RIGHT, "shapes")
    assert "lacks b, loss, W.grad" in _why(check_step_shapes, {"X": (5, 3), "W": (3, 2)}, RIGHT, "shapes")


@given(st.integers(0, 2**31), st.sampled_from([(), (1,), (4,), (3, 2)]))
def test_the_mean_squared_error_passes(seed: int, shape: tuple[int, ...]) -> None:
    generator = torch.Generator().manual_seed(seed)
    p, t = (torch.randn(shape, generator=generator) for _ in range(2))
    right = float(torch.nn.functional.mse_loss(p, t))
    check_mse(((p - t) ** 2).mean(), right, p, t, "mse")
    check_mse(((p - t).double() ** 2).mean(), right, p, t, "mse")


P, T = torch.tensor([[1.0, 2.0], [5.0, -1.0], [0.0, 7.0]]), torch.tensor([[0.5, 4.0], [1.0, 1.0], [2.0, 3.5]])


@pytest.mark.parametrize(
    ("got", "why"),
    [
        (((P - T) ** 2).sum(), "the sum of the squares"),
        (((P - T) ** 2).mean().sqrt(), "the root of the mean"),
        ((P - T).abs().mean(), "the mean of the distances"),
        ((P - T).mean(), "those above and below cancel"),
        ((T - P).mean(), "target minus prediction"),
        ((P - T).mean() ** 2, "the square of the mean"),
        (((P - T) ** 2).mean() / 2, "half of it"),
        (((P - T) ** 2).sum(1).mean(), "only the rows averaged"),
        (((P.reshape(-1, 1) - T.reshape(-1)) ** 2).mean(), "Every prediction was compared with every target"),
        ((P - T) ** 2, "a reduction is missing"),
        (((P - T) ** 2).mean().reshape(1), "has shape (1,), expected ()"),
        (((P - T) ** 2).mean().int(), "should be a floating tensor"),
        (torch.tensor(float("nan")), "is nan"),
        (torch.tensor(123.0), "is 123, expected 8.25"),
    ],
)
def test_another_measure_of_the_error_is_named(got: torch.Tensor, why: str) -> None:
    right = float(((P - T) ** 2).mean())
    said = _why(check_mse, got, right, P, T, "mse")
    assert why.replace("8.25", f"{right:.6g}") in said


@pytest.mark.parametrize("value", [None, [1.0], np.float64(1.0), 1.0, "x", len, object()])
def test_what_is_no_tensor(value: object) -> None:
    assert "`mse` should be a tensor, but it is" in _why(check_mse, value, 1.0, P, T, "mse")
    assert "`f` should be a tensor, but it is" in _why(check_noise, value, 0.1, P, "f")


def test_a_call_that_should_be_refused() -> None:
    check_refused(lambda x: int("x"), [1], ValueError, "f")
    assert "it returned an int, 1" in _why(check_refused, lambda x: x, [1], ValueError, "f")
    assert "it raised ZeroDivisionError" in _why(check_refused, lambda x: x / 0, [1], ValueError, "f")


_X, _W, _B = _noise(1)[0][:6].reshape(4, 3), _noise(2)[0][:6].reshape(3, 4), _noise(3)[0][:2].reshape(4)
_SQUARE = _noise(4)[0][:8].reshape(4, 4)


@pytest.mark.parametrize(
    ("line", "x", "w", "why"),
    [
        (lambda x, w, b: x * w + b, _SQUARE, _SQUARE.T, "element by element"),
        (lambda x, w, b: w @ x + b, _SQUARE, _SQUARE.flip(0), "It is W @ X"),
        (lambda x, w, b: x @ w.T + b, _SQUARE, _SQUARE.flip(0), "W was transposed"),
        (lambda x, w, b: x @ w, _X, _W, "`b` is not added"),
        (lambda x, w, b: x @ w - b, _X, _W, "`b` is subtracted"),
        (lambda x, w, b: x @ w + b[:, None], _X, _W, "laid along the rows"),
        (lambda x, w, b: x @ w + 7, _X, _W, "16 of 16 values differ"),
        (lambda x, w, b: None, _X, _W, "`f` should be a tensor"),
    ],
)
def test_another_line_is_named(line: Any, x: torch.Tensor, w: torch.Tensor, why: str) -> None:
    right = x @ w + _B
    check_prediction(torch.addmm(_B, x, w), right, {"X": x, "W": w, "b": _B}, "f")
    with pytest.raises(CheckFailed) as caught:
        check_prediction(line(x, w, _B), right, {"X": x, "W": w, "b": _B}, "f")
    assert why in str(caught.value)
    assert "expected" not in caught.value.redacted or "shape" in caught.value.redacted
