"""check_gradient passes right functions and names what is wrong with others; diagnoses explain every number or say nothing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from hypothesis import assume, given
from hypothesis import strategies as st

from graders.checks import CheckFailed, check_gradient
from graders.diagnose import diagnose_gradient

Function = Callable[..., Any]

RIGHT: dict[str, tuple[Function, list[object]]] = {
    "square": (lambda x: x * x, [3.0]),
    "several": (lambda a, b, x: x * (a + b), [1.0, 2.0, torch.randn(3)]),
    "matrix": (lambda w, x: (x @ w).tanh(), [torch.randn(3, 1), torch.randn(4, 3)]),
    "reduction": (lambda x: x.exp().mean(0), [torch.randn(5, 2)]),
    "in place": (lambda x: x.clone().add_(1).mul_(x), [torch.randn(3)]),
    "branch": (lambda x: x * 2 if bool(x.sum() > 0) else x * 3, [torch.ones(2)]),
}
WRONG: dict[str, tuple[Function, list[object], Function | None, str]] = {
    "detached": (lambda x: (x * 2).detach(), [1.0], None, "lost its connection"),
    "made anew": (lambda x: torch.tensor(x.item() * 2), [1.0], None, "lost its connection"),
    "half detached": (lambda x: x.detach() * x, [3.0], lambda x: x * x, "divided by 2"),
    "half detached, without a reference": (lambda x: x.detach() * x, [3.0], None, "moving it slightly"),
    "other value": (lambda x: x + 1, [1.0], lambda x: x + 2, "gave 2, expected 3"),
    "other shape": (lambda x: x.sum(), [torch.ones(2)], lambda x: x, "gave shape (), expected (2,)"),
    "no tensor": (lambda x: 3.0, [1.0], None, "should return a tensor, but it returned a float, 3.0"),
    "nothing": (lambda x: None, [1.0], None, "returned None"),
    "integers": (lambda x: (x * 2).long(), [1.0], None, "only floating tensors have gradients"),
    "NaN": (lambda x: x * float("nan"), [1.0], None, "NaN or infinity"),
    "argument left out": (lambda a, b: a * 2, [1.0, 2.0], None, "does not depend on argument 2"),
    "mean for sum": (lambda x: x.mean() + x.detach().sum() - x.detach().mean(), [torch.ones(6)], torch.sum, "6"),
}


@pytest.mark.parametrize("name", RIGHT)
def test_right_ones_pass_with_and_without_a_reference(name: str) -> None:
    f, inputs = RIGHT[name]
    check_gradient(f, inputs)
    check_gradient(f, inputs, f)


@pytest.mark.parametrize("name", WRONG)
def test_wrong_ones_fail_with_a_reason(name: str) -> None:
    f, inputs, reference, reason = WRONG[name]
    with pytest.raises(CheckFailed) as caught:
        check_gradient(f, inputs, reference, name="f")
    assert reason in str(caught.value)
    assert "`f`" in str(caught.value)


def test_what_the_function_raises_is_said_and_kept() -> None:
    with pytest.raises(CheckFailed, match="`f` raised ZeroDivisionError: division by zero") as caught:
        check_gradient(lambda x: 1 / 0, [1.0], name="f")
    assert isinstance(caught.value.__cause__, ZeroDivisionError)


_numbers = st.lists(st.floats(-100, 100).filter(lambda v: abs(v) > 1e-3), min_size=2, max_size=6)


@given(_numbers, st.sampled_from([2, 3, 4, 5]))
def test_a_factor_is_named(values: list[float], factor: int) -> None:
    expected = torch.tensor(values, dtype=torch.float64)
    assume(factor not in (len(values),))
    assert f"{factor} times" in diagnose_gradient(expected, expected * factor)
    assert f"divided by {factor}" in diagnose_gradient(expected, expected / factor)
    assert diagnose_gradient(expected, -expected) == "The sign is flipped."


@given(_numbers, _numbers)
def test_no_reason_is_made_up(one: list[float], other: list[float]) -> None:
    """What is said is true of every number: one that does not fit silences it."""
    expected, got = torch.tensor(one, dtype=torch.float64), torch.tensor(one, dtype=torch.float64) * 2
    got[0] += 1.0 + abs(other[0])
    assume(not torch.allclose(got, expected.flip(0)))
    assert diagnose_gradient(expected, got) == "" or len(one) == 1


def test_a_transposed_one_is_named() -> None:
    grad = torch.arange(6.0).reshape(2, 3)
    assert diagnose_gradient(grad, grad.T) == "It is transposed."
