"""The graders of the two assignments: each misconception by its name, and no number for a hidden test's reader."""

from __future__ import annotations

import linecache
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from graders.backward_pass import as_number, check_derivative, check_each_gradient, check_number, check_step
from graders.checks import CheckFailed, check_tensor, rubric
from graders.computation_graph import check_depends, check_kept_apart, check_operation

_small = st.floats(-10, 10).map(lambda value: round(value, 2))


@given(_small, _small, _small)
def test_the_derivative_passes_in_every_form_of_a_number(weight: float, x: float, target: float) -> None:
    right = 2 * (weight * x - target) * x
    for value in (right, np.float64(right), torch.tensor(right), torch.tensor([right], dtype=torch.float64)):
        check_derivative(value, "g", weight=weight, x=x, target=target)


@pytest.mark.parametrize(
    ("value", "why"),
    [
        (-12.0, "The factor 2 from the square is missing."),
        (-8.0, "The inner derivative is missing"),
        (24.0, "The sign is flipped"),
        (-16.0, "the derivative with respect to x"),
        (16.0, "That is the loss itself"),
        (-4.0, "That is the error itself"),
        (-72.0, "3 times the expected one"),
        (1.234, "expected -24."),
    ],
)
def test_a_wrong_derivative_is_named(value: float, why: str) -> None:
    with pytest.raises(CheckFailed) as caught:
        check_derivative(value, "g", weight=2.0, x=3.0, target=10.0)
    assert why in str(caught.value)
    assert "24" not in caught.value.redacted or value == 24.0


@pytest.mark.parametrize("value", [None, "3", [1.0], True, torch.ones(2), float("nan"), torch.tensor(1j), object()])
def test_what_is_no_number(value: object) -> None:
    with pytest.raises(CheckFailed, match="`g`"):
        as_number(value, "g")


def test_numbers_of_every_kind() -> None:
    for value in (3, 3.0, np.int64(3), np.float32(3), Fraction(3), torch.tensor(3), torch.tensor([[3.0]])):
        assert as_number(value, "g") == 3.0
    check_number(torch.tensor(3.0), 3.0, "g")


@pytest.mark.parametrize(
    ("values", "why"),
    [
        ([-4.0, -8.0, 0.0], "running totals"),
        ([8.0, 8.0, 8.0], "All are the same"),
        ([-4.0, -4.0], "There should be 3"),
        ([], "There should be 3"),
        (torch.ones(3), "a list of numbers"),
        (None, "a list of numbers"),
        ([-4.0, None, 8.0], "`g[1]` should be a number"),
        ([4.0, 4.0, -8.0], "should give"),
    ],
)
def test_gradients_of_several_passes(values: Any, why: str) -> None:
    check_each_gradient([-4.0, torch.tensor(-4.0), 8], [-4.0, -4.0, 8.0], "g")
    with pytest.raises(CheckFailed) as caught:
        check_each_gradient(values, [-4.0, -4.0, 8.0], "g")
    assert why in str(caught.value)


@pytest.mark.parametrize(
    ("new", "why"),
    [(1.4, "up the slope"), (19.0, "The learning rate is missing"), (1.6, "the step alone"), (5.0, "expected 4.6")],
)
def test_a_wrong_step_is_named(new: float, why: str) -> None:
    check_step(torch.tensor(4.6), 3.0, -16.0, 0.1, "W")
    with pytest.raises(CheckFailed) as caught:
        check_step(new, 3.0, -16.0, 0.1, "W")
    assert why in str(caught.value)
    assert "4.6" not in caught.value.redacted


def test_operations_by_name() -> None:
    a = torch.ones(2, requires_grad=True)
    check_operation("MulBackward0", a * 2, "z")
    check_operation(None, a, "a")
    for predicted, tensor, why in (
        ("mul", a * 2, "was not computed by mul"),
        (None, a * 2, "was computed by an operation"),
        ("AccumulateGrad", a, "what is the grad_fn of a leaf?"),
        (3, a, "should be a string or None"),
    ):
        with pytest.raises(CheckFailed) as caught:
            check_operation(predicted, tensor, "z")
        assert why in str(caught.value)
        assert "MulBackward0" not in str(caught.value)


def test_what_hangs_on_what() -> None:
    a, b = (torch.ones(2, requires_grad=True) for _ in range(2))
    check_depends(a * b, {"a": a, "b": b}, "z")
    check_kept_apart(a * b.detach(), b, "z", "b")
    check_kept_apart(torch.ones(2), b, "z", "b")
    for bad, on, why in (
        (a * 2, {"a": a, "b": b}, "does not depend on `b`"),
        ((a * b).detach(), {"a": a}, "does not require gradients"),
        (3.0, {"a": a}, "a float, 3.0"),
        (a * b, {"b": 3}, "`b` should be a tensor that requires gradients"),
    ):
        with pytest.raises(CheckFailed) as caught:
            check_depends(bad, on, "z")
        assert why in str(caught.value)
    with pytest.raises(CheckFailed, match="a gradient flows from `z` to `b`"):
        check_kept_apart(a * b, b, "z", "b")
    assert (a.grad, b.grad) == (None, None), "the checks leave no gradients behind"


@given(st.lists(st.tuples(st.integers(1, 5), st.booleans()), min_size=1, max_size=6))
def test_a_rubric_adds_up_what_was_earned(parts: list[tuple[int, bool]]) -> None:
    points = rubric(sum(worth for worth, _ in parts))
    for number, (worth, passes) in enumerate(parts):
        with points.part(worth, f"part {number}"):
            assert passes, "wrong"
    assert points.score() == sum(worth for worth, passes in parts if passes)
    assert len(points.lost) == sum(not passes for _, passes in parts)


def test_a_rubric_says_less_of_a_hidden_line(capsys: pytest.CaptureFixture[str]) -> None:
    source = "\n".join(
        [
            "with points.part(1, 'seen'):",
            "    check_tensor(torch.zeros(2), 'x', values=[77.5, 0.0])",
            "with points.part(1, 'hidden'):",
            "    ### BEGIN HIDDEN TESTS",
            "    check_tensor(torch.zeros(2), 'x', values=[55.5, 0.0])",
            "    ### END HIDDEN TESTS",
        ]
    )
    linecache.cache["<cell 1>"] = (len(source), None, source.splitlines(keepends=True), "<cell 1>")
    points = rubric(2)
    exec(compile(source, "<cell 1>", "exec"), {"points": points, "check_tensor": check_tensor, "torch": torch})
    assert points.score() == 0.0
    said = capsys.readouterr().out
    assert "77.5" in said
    assert "55.5" not in said
    assert "hidden: 0 of 1 points. `x` has 1 of 2 values wrong" in said


def test_a_rubric_keeps_reasons_and_demands_its_points(capsys: pytest.CaptureFixture[str]) -> None:
    points = rubric(2)
    with points.part(1, "first"):
        raise CheckFailed("the answer is 42", redacted="that is not right")
    with points.part(1, "second"):
        _ = {}["k"]
    assert points.score() == 0.0
    assert capsys.readouterr().out.splitlines() == [
        "first: 0 of 1 points. the answer is 42",
        "second: 0 of 1 points. KeyError: 'k'",
    ]
    with pytest.raises(ValueError, match="add up to 0 points, not to 3"):
        rubric(3).score()
