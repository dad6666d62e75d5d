"""The grader of *creating tensors*: each misconception by its name, whatever is handed in."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from graders.creating_tensors import check_copied, check_like, check_pair, check_shared, check_table
from graders.failure import CheckFailed

from .odd_values import ODD, count_refused

OLD, NEW = np.array([1.0, 2.0]), np.array([9.0, 2.0])


def test_what_is_right_passes() -> None:
    check_table(torch.tensor([[1.0, 2.0]]), "t", (1, 2))
    assert check_pair([1, 2], "f", ("a", "b")) == (1, 2)
    for template in (torch.ones(2, dtype=torch.bool), torch.tensor(1.0), torch.ones(2, 3, device="meta")):
        check_like(torch.zeros_like(template), template, "t")
        check_like(torch.zeros_like(template, dtype=torch.float16), template, "t", dtype=torch.float16)
    check_copied(torch.tensor(OLD), OLD, NEW, "t")
    check_copied(torch.tensor(OLD, dtype=torch.float32), OLD, NEW, "t")
    check_shared(torch.from_numpy(NEW), OLD, NEW, "t", value=9)


@pytest.mark.parametrize(
    ("check", "why"),
    [
        (lambda: check_table(torch.tensor([[1, 2]]), "t", (1, 2)), "inferred from whole numbers"),
        (lambda: check_table(torch.tensor(np.ones((1, 2))), "t", (1, 2)), "inferred from NumPy's numbers"),
        (lambda: check_table(torch.tensor([1, 2]), "t", (1, 2)), r"has shape \(2,\), expected \(1, 2\)"),
        (lambda: check_pair((1, 2, 3), "f", ("a", "b")), "should return a and b"),
        (lambda: check_like(torch.zeros(2), torch.zeros(2, dtype=torch.int64), "t"), "has to be passed on"),
        (lambda: check_like(torch.zeros(2), torch.zeros(2, device="meta"), "t"), "lives, on meta"),
        (lambda: check_like(torch.zeros(2), torch.zeros(2), "t", dtype=torch.int8), "say which one you want instead"),
        (lambda: check_like(torch.zeros(1), torch.zeros(2), "t"), r"has shape \(1,\), expected \(2,\)$"),
        (lambda: check_copied(torch.tensor(NEW), OLD, NEW, "t"), "it shares the array's memory"),
        (lambda: check_copied(torch.tensor([5.0, 6.0]), OLD, NEW, "t"), "at \\[0\\] is 5, expected 1"),
        (lambda: check_shared(torch.tensor(OLD), OLD, NEW, "t", value=9), "it is a copy"),
        (lambda: check_shared(torch.tensor(OLD), OLD, OLD, "t", value=9), "should be set to the value"),
        (
            lambda: check_shared(torch.tensor(NEW).float(), OLD, NEW, "t", value=9),
            "has dtype float32, expected float64",
        ),
        (lambda: check_shared(torch.tensor([5.0, 6.0]), OLD, NEW, "t", value=9), "expected float64"),
    ],
)
def test_a_misconception_is_named(check: Callable[[], Any], why: str) -> None:
    with pytest.raises(CheckFailed, match=why):
        check()


def test_values_of_every_kind_are_refused_in_words() -> None:
    count = len(ODD)
    assert count_refused(lambda value: check_table(value, "t", (4, 1))) == count
    assert count_refused(lambda value: check_pair(value, "f", ("a", "b", "c", "d"))) == count
    assert count_refused(lambda value: check_like(value, torch.ones(4, 1), "t")) == count
    assert count_refused(lambda value: check_copied(value, OLD, NEW, "t")) == count
    assert count_refused(lambda value: check_shared(value, OLD, NEW, "t", value=9)) == count
