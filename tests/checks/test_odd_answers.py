"""The graders of three assignments on values of every kind: a reason in words, never an error of the grader's own."""

from __future__ import annotations

import warnings
from typing import Any

import pytest
import torch

from graders.failure import CheckFailed
from graders.forward_pass import check_mse, check_noise, check_prediction, check_refused, check_step_shapes, items
from graders.reductions import as_shape, check_probabilities, check_reduced_shape, check_shares, check_standardised
from graders.selecting_data import (
    check_best,
    check_fraction,
    check_picked,
    check_put_back,
    check_top_k,
    check_untouched,
)

from .odd_values import ODD

X = torch.tensor([[1.0, 4.0], [3.0, 2.0], [6.0, 5.0]])
INDEX = torch.tensor([1, 0, 1])
LINE = {"X": X, "W": torch.ones(2, 1), "b": torch.ones(1)}
#: Checks that ask for values which no odd one has.
CHECKS: dict[str, Any] = {
    "as_shape": lambda v: as_shape(v, "v"),
    "check_reduced_shape": lambda v: check_reduced_shape(v, (2,), shape=(3, 2), dim=0),
    "check_shares": lambda v: check_shares(v, "v", of=X, dim=1),
    "check_probabilities": lambda v: check_probabilities(v, "v", of=X, dim=1),
    "check_standardised": lambda v: check_standardised(v, "v", of=X),
    "check_untouched": lambda v: check_untouched(v, X, "v"),
    "check_best": lambda v: check_best(v, X, "v"),
    "check_picked": lambda v: check_picked(v, X[range(3), INDEX], X, INDEX, "v"),
    "check_put_back": lambda v: check_put_back(v, X, torch.tensor([[1, 0], [2, 1], [0, 1]]), 3, "v"),
    "check_fraction": lambda v: check_fraction(v, INDEX > 0, "v"),
    "check_top_k": lambda v: check_top_k(v, X, INDEX, [1, 2], "v"),
    "check_top_k of what it gives": lambda v: check_top_k(lambda *_: v, X, INDEX, [1, 2], "v"),
    "items": lambda v: items(v, [X], 7, "v"),
    "items of what it gives": lambda v: items(lambda: v, [], 7, "v"),
    "check_noise": lambda v: check_noise(v, 0.1, X, "v"),
    "check_step_shapes": lambda v: check_step_shapes(v, {"X": (3, 2)}, "v"),
    "check_step_shapes of a step": lambda v: check_step_shapes({"X": v}, {"X": (3, 2)}, "v"),
    "check_mse": lambda v: check_mse(v, 0.25, X, X + 0.5, "v"),
    "check_prediction": lambda v: check_prediction(v, X.sum(1, keepdim=True) + 1, LINE, "v"),
    "check_refused": lambda v: check_refused(v, [X], ValueError, "v"),
    "check_refused of what it gives": lambda v: check_refused(lambda: v, [], ValueError, "v"),
}
_NOTHING_DONE = (
    "function",
    "built-in function",
    "gives odd",
    "gives broken tensor",
    "module",
    "lying module",
    "uninitialised module",
)
#: What leaves its argument as it was is fine whatever it gives, and an empty list is the shape of one number.
_FINE = {*(("check_untouched", kind) for kind in _NOTHING_DONE), ("as_shape", "empty list")}


@pytest.mark.parametrize("kind", ODD)
@pytest.mark.parametrize("check", CHECKS)
def test_a_reason_in_words(check: str, kind: str) -> None:
    if (check, kind) in _FINE:
        return
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of torch, about odd kinds of tensors
        with pytest.raises(CheckFailed) as caught:
            CHECKS[check](ODD[kind]())
    for said in (str(caught.value), caught.value.redacted):
        assert "`" in said
        assert len(said) < 600
