"""The grader of *shape, dtype, device*: each misconception by its name, on every device, whatever is handed in."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch

from graders.failure import CheckFailed
from graders.known_errors import check_named
from graders.tensor_attributes import check_anywhere, check_facts, check_nearest

from .odd_values import ODD, count_refused

ALL = ("shape", "dims", "elements", "dtype", "device")
T = torch.ones(2, 3, 4)
RIGHT = {"shape": (2, 3, 4), "dims": 3, "elements": 24, "dtype": torch.float32, "device": "cpu"}
HALVES = torch.tensor([2.9, -2.9, 0.2])


def _facts(**changed: Any) -> None:
    check_facts({**RIGHT, **changed}, T, "facts(…)", ALL)


def test_what_is_right_passes_in_every_spelling() -> None:
    _facts()
    _facts(shape=torch.Size((2, 3, 4)), device=torch.device("cpu"))
    _facts(shape=[2, 3, 4], more="than was asked")
    check_nearest(torch.tensor([3, -3, 0]), HALVES, "n")
    check_nearest(torch.tensor([2]), torch.tensor([2.5]), "n")  # both neighbours of a half are the nearest
    check_nearest(torch.tensor([3]), torch.tensor([2.5]), "n")
    check_anywhere(lambda x: x + torch.arange(3, device=x.device), [torch.ones(2, 3)], ["cpu", "meta"], "f")
    check_named(torch.tensor(3.0), 3.0, "e", {"Why.": 3.0})


@pytest.mark.parametrize(
    ("check", "why"),
    [
        (lambda: check_facts([1], T, "facts(…)", ALL), "should be a dict"),
        (lambda: check_facts({}, T, "facts(…)", ALL), "lacks the key 'shape'"),
        (lambda: _facts(shape=24), "'shape' in `facts"),
        (lambda: _facts(dims=2), "that is how many rows it has"),
        (lambda: _facts(dims=True), "'dims' in `facts"),
        (lambda: _facts(elements=6), "it has more than two dimensions"),
        (lambda: _facts(elements=torch.tensor(24)), "it should be a plain value"),
        (lambda: _facts(dtype="float32"), "'dtype' in `facts"),
        (lambda: _facts(dtype=torch.float64), "'dtype' in `facts.* is torch.float64"),
        (lambda: _facts(device="meta"), "'device' in `facts.* is 'meta'"),
        (lambda: check_nearest(HALVES.long(), HALVES, "n"), "in 2 of 3 places. The decimals were cut off"),
        (lambda: check_nearest((HALVES + 0.5).long(), HALVES, "n"), "goes wrong below zero"),
        (lambda: check_nearest(HALVES.floor().long(), HALVES, "n"), "rounded in the same direction"),
        (lambda: check_nearest(HALVES.round(), HALVES, "n"), "has dtype float32, expected int64"),
        (lambda: check_nearest(torch.tensor([9, 9, 9]), HALVES, "n"), "in 3 of 3 places$"),
        (lambda: check_anywhere(None, [T], ["cpu"], "f"), "`f` should be a function, but it is None"),
        (lambda: check_anywhere(lambda x: x.cpu(), [T], ["cuda is not asked"], "f"), "`devices` should hold names"),
        (lambda: check_anywhere(lambda x: torch.ones(2), [T], ["meta"], "f"), "lies on cpu, although .* lies on meta"),
        (lambda: check_anywhere(lambda x: x.to("meta"), [T], ["cpu"], "f"), "lies on meta, although .* lies on cpu"),
        (
            lambda: check_anywhere(lambda x: x + torch.ones(4), [T], ["meta"], "f"),
            "works on the CPU, but .* on meta it",
        ),
        (lambda: check_anywhere(lambda x: 1 / 0, [T], ["meta"], "f"), "`f` raised ZeroDivisionError"),
        (lambda: check_named(torch.tensor(2.0), 3.0, "e", {"Why.": 2.0, "No.": 4.0}), "is 2, expected 3. Why.$"),
        (lambda: check_named(torch.tensor(5.0), 3.0, "e", {"Why.": 2.0}), "(?<!Why.)$"),
        (lambda: check_named(torch.tensor(5.0), 3.0, "e", {"Why.": 5.0, "Or so.": 5.0}), "(?<!Why.)$"),
    ],
)
def test_a_misconception_is_named(check: Callable[[], Any], why: str) -> None:
    with pytest.raises(CheckFailed, match=why):
        check()


def test_no_reason_tells_what_is_right_of_a_hidden_input() -> None:
    with pytest.raises(CheckFailed) as caught:
        check_named(torch.tensor([2.0, 1.0]), [3.25, 4.5], "e", {"Why.": [2.0, 1.0]})
    assert "Why." in caught.value.redacted
    assert not {"3.25", "4.5"} & set(caught.value.redacted.split())
    with pytest.raises(CheckFailed) as caught:
        check_anywhere(lambda x: x + torch.ones(7), [torch.ones(1)], ["meta"], "f")
    assert "7" not in caught.value.redacted


def test_values_of_every_kind_are_refused_in_words() -> None:
    count = len(ODD)
    assert count_refused(lambda value: check_facts(value, T, "facts(…)", ALL)) == count
    for key in ALL:
        assert count_refused(lambda value, key=key: _facts(**{key: value})) >= count - 1, key
    assert count_refused(lambda value: check_nearest(value, HALVES, "n")) == count
    assert count_refused(lambda value: check_anywhere(lambda _: value, [T], ["cpu", "meta"], "f")) == count
    assert count_refused(lambda value: check_anywhere(value, [T], ["cpu", "meta"], "f")) == count
    assert count_refused(lambda value: check_named(value, 3.5, "e", {"Why.": [[1.0, 1.0], [1.0, 1.0]]})) == count
