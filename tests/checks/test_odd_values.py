"""Whatever a student has where something else is asked: each check fails in words, never by an error of its own."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import pytest
import torch

from graders.checks import (
    CheckFailed,
    Dims,
    check_function,
    check_grad,
    check_gradient,
    check_graph,
    check_module,
    check_random,
    check_tensor,
    check_training,
    linearity,
    permutation,
)
from graders.strategies import arguments

from .odd_values import ODD

W = torch.ones(2, requires_grad=True)
EXPECTED = torch.tensor([1.25, -7.5])

#: Every argument of a check that a student can influence; none of the odd values is right.
CHECKS: dict[str, Callable[[Any], None]] = {
    "tensor": lambda v: check_tensor(v, "x", values=EXPECTED),
    "tensor, all": lambda v: check_tensor(
        v, "x", "n", "float", "cpu", True, leaf=True, layout=torch.strided, values=EXPECTED, finite=True, dims=Dims(n=2)
    ),
    "tensor, inputs": lambda v: check_tensor(v, "x", values=EXPECTED, inputs={"a": torch.ones(2), "b": EXPECTED}),
    "tensor, odd inputs": lambda v: check_tensor(torch.ones(2), "x", values=EXPECTED, inputs={"a": v, "b": EXPECTED}),
    "function": lambda v: check_function(v, lambda x: x * EXPECTED, arguments("2"), name="f", examples=3),
    "function, list": lambda v: check_function(
        v, lambda x: {"a": [x * EXPECTED], "b": True}, [(torch.ones(2),)], name="f", loops="none"
    ),
    "function, properties": lambda v: check_function(
        v, None, [(torch.tensor([1.0, 2.0]),)], name="f", properties=[linearity(), permutation()], dtype=torch.float64
    ),
    "function that gives it": lambda v: check_function(
        lambda x: v, lambda x: x * EXPECTED, [(torch.ones(2),)], name="f", loops="none"
    ),
    "function that gives it for a list": lambda v: check_function(
        lambda x: v, lambda x: [x, 3.5], [(torch.ones(2),)], name="f"
    ),
    "function that gives it for a dict": lambda v: check_function(
        lambda x: v, lambda x: {"a": x, "b": 2}, [(torch.ones(2),)], name="f"
    ),
    "function that gives it for a number": lambda v: check_function(lambda x: v, lambda x: 2.25, [(1.0,)], name="f"),
    "function that gives it for a text": lambda v: check_function(lambda x: v, lambda x: "up", [(1.0,)], name="f"),
    "function that gives it for no": lambda v: check_function(lambda x: v, lambda x: False, [(1.0,)], name="f"),
    "function that gives it, properties": lambda v: check_function(
        lambda x: v, None, [(torch.tensor([1.0, 2.0]),)], name="f", properties=[linearity()], dtype=torch.float64
    ),
    "gradient": lambda v: check_gradient(v, [torch.ones(2)], lambda x: x * EXPECTED, name="f"),
    "gradient, differences": lambda v: check_gradient(v, [torch.ones(3)], name="f"),
    "gradient of what gives it": lambda v: check_gradient(
        lambda x: v, [torch.ones(2)], lambda x: x * EXPECTED, name="f"
    ),
    "gradient of what gives it, differences": lambda v: check_gradient(lambda x: v, [torch.ones(2)], name="f"),
    "grad": lambda v: check_grad(v, "W", EXPECTED),
    "graph": lambda v: check_graph(v, "z", leaves={"W": W}, uses=["Mul"]),
    "graph's leaf": lambda v: check_graph((W * 2).sum(), "z", leaves={"v": v}),
    "module": lambda v: check_module(
        v, "model", parameters={"weight": (1, 3)}, input_shape=(5, 3), output_shape=(5, 1), reference=lambda x, p: x
    ),
    "module, call": lambda v: check_module(v, "model", input_shape=(5, 3), output_shape="5 1"),
    "losses": lambda v: check_training(v if v is not None else [None], steps=2, below=0.1),
    "learnt": lambda v: check_training(parameters={"W": v}, start={"W": [0.0]}, truth={"W": EXPECTED}, within=0.01),
    "began": lambda v: check_training(parameters={"W": v}, start={"W": v}),
    "random": lambda v: check_random(v, "draw", distribution="normal", shape="100"),
    "random that gives it": lambda v: check_random(lambda: v, "draw", distribution="normal"),
}


@pytest.mark.slow
@pytest.mark.parametrize("check", CHECKS)
@pytest.mark.parametrize("odd", ODD)
def test_every_check_fails_in_words(check: str, odd: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        value = ODD[odd]()
        with pytest.raises(CheckFailed) as caught:
            CHECKS[check](value)
    said = str(caught.value)
    assert said
    assert len(said) < 700
    assert "`" in said
    assert caught.value.redacted
