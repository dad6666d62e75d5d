"""The graders of *gradient descent* and *two mental models*: misconceptions by name, and any value in words."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch

from graders.failure import CheckFailed
from graders.gradient_descent import (
    check_batches,
    check_factor,
    check_fresh_leaves,
    check_new_parameters,
    check_plain_numbers,
    check_same_training,
    check_shuffled,
)
from graders.two_mental_models import (
    can_be_captured,
    check_exported,
    check_halved,
    check_names,
    check_nodes,
    check_numbers,
    check_predicted,
    check_program,
    count_calls,
)

from .odd_values import ODD

ROWS = torch.arange(6.0).reshape(3, 2)
START = {"W": torch.zeros(1, requires_grad=True)}
RIGHT = {"W": torch.ones(1)}

#: Each check with any value in the place of an answer, or in a part of one.
ASKED: dict[str, Callable[[Any], object]] = {
    "parameters": lambda v: check_new_parameters(v, RIGHT, START, 0.1, "f"),
    "a parameter": lambda v: check_new_parameters((v,), RIGHT, START, 0.1, "f"),
    "leaves": lambda v: check_fresh_leaves(v, START, "f"),
    "a leaf": lambda v: check_fresh_leaves((v,), START, "f"),
    "factor": lambda v: check_factor(v, 0.123, "f"),
    "training": lambda v: check_same_training(v, ([9.0], [9.0]), 1, "f"),
    "losses": lambda v: check_same_training((torch.ones(1), torch.ones(1), v), ([1.0], [1.0]), 1, "f"),
    "a loss": lambda v: check_same_training((torch.ones(1), torch.ones(1), [v]), ([1.0], [1.0]), 1, "f", losses=[9.0]),
    "batches": lambda v: check_batches(v, ROWS, ROWS, 2, "f"),
    "a batch": lambda v: check_batches([v], ROWS, ROWS, 2, "f"),
    "half a batch": lambda v: check_batches([(v, v)], ROWS, ROWS, 2, "f"),
    "halved": lambda v: check_halved(v, [9.0], 3, "f"),
    "count": lambda v: check_halved((torch.ones(1), v), [1.0], 33, "f"),
    "small": lambda v: check_halved((v, 3), [9.0], 3, "f"),
    "names": lambda v: check_names(v, ["a"], "f"),
    "a name": lambda v: check_names([v], ["a"], "f"),
    "nodes": lambda v: check_nodes(v, [("a", "b")], "f"),
    "a node": lambda v: check_nodes([v], [("a", "b")], "f"),
    "half a node": lambda v: check_nodes([("a", v)], [("a", "b")], "f"),
    "program": lambda v: check_program(v, "f"),
    "exported": lambda v: check_exported(v, "f"),
    "operators": lambda v: check_exported((v, 3), "f"),
    "an operator": lambda v: check_exported(([v], 3), "f"),
    "numbers": lambda v: check_numbers(v, [9.0], "f"),
    "a number": lambda v: check_numbers([v], [9.0], "f"),
    "prediction": lambda v: check_predicted(v, False, "f"),
    "predicted number": lambda v: check_predicted(v, 33, "f"),
}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("odd", ODD)
def test_any_value_gets_a_reason_in_words(odd: str) -> None:
    for asked, check in ASKED.items():
        with pytest.raises(CheckFailed) as caught:
            check(ODD[odd]())
        assert 5 < len(str(caught.value)) < 600, asked
        assert len(caught.value.redacted) > 5


@pytest.mark.parametrize(
    ("value", "why"),
    [
        (3.0, "goes up the slope"),
        (-9.0, "The learning rate is missing"),
        (-1.0, "the step alone"),
        (2.0, "was not taken"),
        (1.5, "The factor 2"),
        (7.7, "is not right."),
    ],
)
def test_a_wrong_step(value: float, why: str) -> None:
    start, right = {"W": torch.tensor([2.0])}, {"W": [1.0]}
    check_new_parameters([torch.tensor([1.0])], right, start, 0.0909091, "f")
    with pytest.raises(CheckFailed, match=why):
        check_new_parameters([torch.tensor([value])], right, start, 0.0909091, "f")


def test_leaves() -> None:
    w = torch.ones(1, requires_grad=True)
    check_fresh_leaves((w.detach().clone().requires_grad_(),), {"W": w}, "f", before={"W": torch.ones(1)})
    for value, why in (
        (w * 1, "is not a leaf"),
        (w.detach(), "does not require gradients"),
        (w, "changes the `W` that it was given"),
        (torch.ones(1, 1, requires_grad=True), "shape"),
    ):
        with pytest.raises(CheckFailed, match=why):
            check_fresh_leaves((value,), {"W": w}, "f")
    with pytest.raises(CheckFailed, match="changes the `W`"):
        check_fresh_leaves((torch.ones(1, requires_grad=True),), {"W": w}, "f", before={"W": torch.zeros(1)})
    w.sum().backward()
    with pytest.raises(CheckFailed, match="leaves a gradient"):
        check_fresh_leaves((torch.ones(1, requires_grad=True),), {"W": w}, "f")


@pytest.mark.parametrize(
    ("value", "why"), [(0.8, "what is left"), (-0.2, "sign"), (1.8, "up the slope"), (0.6, "The 2"), (5.0, "not right")]
)
def test_a_wrong_factor(value: float, why: str) -> None:
    check_factor(torch.tensor(0.2), 0.2, "f")
    with pytest.raises(CheckFailed, match=why):
        check_factor(value, 0.2, "f")


def test_batches() -> None:
    y = ROWS[:, :1]
    check_batches([[ROWS[1:], y[1:]], (ROWS[:1], y[:1])], ROWS, y, 2, "f")
    for given, why in (
        ([(ROWS, y)], r"batches of \[3\] rows, expected \[2, 1\]"),
        ([(ROWS[:2], y[:2])], "batches of"),
        ([(ROWS[:2], y[:2]), (ROWS[:1], y[:1])], "every row of X exactly once"),
        ([(ROWS[:2], y[1:]), (ROWS[2:], y[:1])], "parts rows of X from their targets"),
        ([(ROWS[:2], y[:1])], "as many rows of X as of y"),
        ([(ROWS[:2], y[:2]), (ROWS[2:, :1], y[2:])], "different numbers of columns"),
    ):
        with pytest.raises(CheckFailed, match=why):
            check_batches(given, ROWS, y, 2, "f")


def test_shuffling() -> None:
    x = torch.arange(20.0).reshape(20, 1)

    def dealt(order: torch.Tensor) -> list[tuple[torch.Tensor, torch.Tensor]]:
        return [(x[order], x[order])]

    check_shuffled(lambda x, y, size, generator: dealt(torch.randperm(20, generator=generator)), x, x, 20, (1, 2), "f")
    for f, why in (
        (lambda x, y, size, generator: dealt(torch.arange(20)), "in the order in which they came"),
        (lambda x, y, size, generator: dealt(torch.randperm(20)), "otherwise each time"),
        (lambda x, y, size, generator: dealt(torch.arange(19, -1, -1)), "the same order for every generator"),
    ):
        with pytest.raises(CheckFailed, match=why):
            check_shuffled(f, x, x, 20, (1, 2), "f")


def test_same_training() -> None:
    right = ([[1.0]], [2.0])
    check_same_training((torch.ones(1, 1), torch.full((1,), 2.0), [3.0, 1.0]), right, 2, "f", losses=[3.0, 1.0])
    for losses, why in (([3.0], "2 numbers, one for each step, not 1"), ([3.0, torch.ones(())], "is a tensor")):
        with pytest.raises(CheckFailed, match=why):
            check_same_training((torch.ones(1, 1), torch.full((1,), 2.0), losses), right, 2, "f")
    assert check_plain_numbers((1, 2.5), "losses") == [1.0, 2.5]


@pytest.mark.parametrize(
    ("given", "why"),
    [
        (["Sum", "Div", "Neg"], "the other way round"),
        (["Accumulate AccumulateGrad", "Neg", "Div", "Sum"], "stands for the leaf"),
        (["Neg", "Div"], "missing at an end"),
        (["Neg", "Mul", "Sum"], "expected"),
    ],
)
def test_wrong_names(given: list[str], why: str) -> None:
    check_names(("Neg", "Div", "Sum"), ["Neg", "Div", "Sum"], "f")
    with pytest.raises(CheckFailed, match=why) as caught:
        check_names(given, ["Neg", "Div", "Sum"], "f")
    assert "expected" not in caught.value.redacted


def test_capture() -> None:
    assert can_be_captured(lambda x: x.sum() * 2)
    assert not can_be_captured(lambda x: 1 if x.sum() > 0 else 2)
    assert count_calls(lambda x: (x / 2) / 2 + 1, "truediv") == 2
    nodes = [("placeholder", "x"), ("call_module", "0")]
    check_nodes([list(node) for node in nodes], nodes, "f")
    for given, why in ((nodes[1:], "there is no placeholder"), (nodes[::-1], "their order")):
        with pytest.raises(CheckFailed, match=why):
            check_nodes(given, nodes, "f")
    check_predicted(False, False, "f")
    check_predicted(3, 3, "f")
    for given, true in ((True, False), (0, False), (3, 1), (True, 1)):
        with pytest.raises(CheckFailed):
            check_predicted(given, true, "f")
