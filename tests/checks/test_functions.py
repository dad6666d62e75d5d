"""check_function: right functions pass on every kind of inputs; wrong ones fail with the smallest input and its reason."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import strategies as st

from graders.checks import CheckFailed, check_function, linearity, permutation, scale, shift
from graders.strategies import arguments, broadcastable_pairs, matmul_pairs, tensors

Function = Callable[..., Any]


def _rows(x: torch.Tensor) -> torch.Tensor:
    return x.sum(dim=1)


INPUTS: dict[str, Any] = {
    "list": [(torch.arange(6.0).reshape(2, 3),), (torch.ones(1, 4),)],
    "list of single arguments": [torch.ones(2, 2)],
    "generator": lambda generator: (torch.randn(3, 4, generator=generator),),
    "strategy": arguments("n d"),
    "strategy of single arguments": tensors("n d"),
    "dtypes": st.tuples(tensors("n d", [torch.float32, torch.float64, torch.int64])),
}


@pytest.mark.parametrize("kind", INPUTS)
def test_right_passes_and_wrong_fails_on_each_kind_of_inputs(kind: str) -> None:
    check_function(lambda x: x.sum(-1), _rows, INPUTS[kind], name="f", examples=8)
    with pytest.raises(CheckFailed, match=r"`f\(…\)` .* It was called with"):
        check_function(lambda x: x.sum(-1) + 1, _rows, INPUTS[kind], name="f", examples=8)


@pytest.mark.parametrize(
    ("f", "reference", "inputs"),
    [
        (torch.add, lambda a, b: a + b, broadcastable_pairs()),
        (torch.matmul, lambda a, b: a @ b, matmul_pairs(batched=True)),
        (lambda x: [x.tolist(), {"n": len(x)}], lambda x: ([*x.tolist()], {"n": x.shape[0]}), arguments("n")),
        (lambda x: len(x) > 2, lambda x: x.numel() > 2, arguments("n")),
        (lambda x: torch.tensor(len(x) > 2), lambda x: x.numel() > 2, arguments("n")),
        (lambda x: "up", lambda x: "up", arguments("n")),
        (lambda x, k: x * k, lambda x, k: k * x, arguments("n", 3)),
        (lambda x: x.argmax(), lambda x: int(x.argmax()), arguments("n")),
        (lambda x: x.tolist(), lambda x: x.tolist(), arguments(("n", torch.int64))),
        (lambda x: x, lambda x: x, [(torch.tensor([1.0]),)]),
    ],
)
def test_answers_of_every_kind(f: Function, reference: Function, inputs: Any) -> None:
    check_function(f, reference, inputs, examples=8)


def test_the_smallest_input_that_fails_is_shown() -> None:
    """Wrong from three rows on: three rows are shown, and nothing else about them is remarkable."""

    def f(x: torch.Tensor) -> torch.Tensor:
        return x.sum(1) + (1 if x.shape[0] >= 3 else 0)

    with pytest.raises(CheckFailed) as caught:
        check_function(f, _rows, arguments("n d"), name="f", examples=50)
    assert "It was called with [[0], [0], [0]]." in str(caught.value)
    assert "called with" not in caught.value.redacted
    assert caught.value.redacted.startswith("`f(…)` has 3 of 3 values wrong")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("f", "inputs", "says"),
    [
        (lambda x: x.sum(0), arguments("n d"), "It is the sum of `x` over dim 0, where dim 1 is asked."),
        (lambda x: x.mean(1), arguments("n d"), "It is the mean of `x`, where the sum is asked."),
        (lambda x: x.sum(1, keepdim=True), arguments("n d"), "a dim of size 1 too many"),
        (lambda x: -x.sum(1), arguments("n d"), "The sign is flipped."),
        (lambda x: x.sum(1) + 0.5, arguments("n d"), "is 0.5 too large"),
        (
            lambda x: x.sum(1) + torch.rand(x.shape[0]),
            arguments("n d"),
            "It gives other numbers each time it is called.",
        ),
    ],
)
def test_what_explains_every_failing_input_is_said(f: Function, inputs: Any, says: str) -> None:
    with pytest.raises(CheckFailed) as caught:
        check_function(f, lambda x: x.sum(dim=1), inputs, name="f")
    assert says in str(caught.value)


def test_what_explains_one_input_alone_is_not_said() -> None:
    def f(x: torch.Tensor) -> torch.Tensor:
        return -x.sum(1) if x.shape[0] % 2 else 2 * x.sum(1)

    with pytest.raises(CheckFailed) as caught:
        check_function(
            f,
            lambda x: x.sum(dim=1),
            lambda g: (torch.randn(int(torch.randint(2, 6, (), generator=g)), 3, generator=g),),
        )
    assert "sign" not in str(caught.value)
    assert "times" not in str(caught.value)


@pytest.mark.parametrize(
    ("f", "reference", "says"),
    [
        (lambda x: float(x.sum()), lambda x: float(x.mean()), "It is the sum of `x`, where the mean is asked."),
        (lambda x: [-v for v in x.tolist()], lambda x: x.tolist(), "The sign is flipped."),
        (lambda x: x.tolist()[:-1], lambda x: x.tolist(), "the last one is missing"),
        (lambda x: {"a": -x}, lambda x: {"a": x}, "The sign is flipped."),
    ],
)
def test_numbers_and_lists_of_them_are_diagnosed_too(f: Function, reference: Function, says: str) -> None:
    with pytest.raises(CheckFailed) as caught:
        check_function(f, reference, lambda g: torch.randn(5, generator=g) + 3, name="f")
    assert says in str(caught.value)


def test_swapped_arguments_are_named() -> None:
    with pytest.raises(CheckFailed, match="Arguments 1 and 2 have changed places"):
        check_function(lambda a, b: b / (a + 30), lambda a, b: a / (b + 30), arguments("3", "3"), name="f")


def test_the_same_seed_gives_the_same_inputs_and_another_one_others() -> None:
    def seen(seed: int, inputs: Any) -> list[Any]:
        kept = []
        check_function(lambda x: kept.append(x.tolist()) or x, lambda x: x, inputs, seed=seed, examples=6)  # type: ignore[func-returns-value]
        return kept

    for inputs in (arguments("n d"), lambda generator: torch.randn(2, generator=generator)):
        assert seen(1, inputs) == seen(1, inputs)
        assert seen(1, inputs) != seen(2, inputs)


def _storage() -> Path:
    """Where hypothesis keeps its examples; older versions give the path itself."""
    from hypothesis import configuration

    found = configuration.storage_directory("x", intent_to_write=False)
    return Path(getattr(found, "path", found))


def test_nothing_is_written_beside_the_notebook(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    before = _storage()
    check_function(_rows, _rows, arguments("n d"), examples=5)
    with pytest.raises(CheckFailed):
        check_function(lambda x: x.sum(1) + 1, _rows, arguments("n d"), examples=5)
    assert os.listdir(tmp_path) == []
    assert _storage() == before


def test_random_numbers_of_the_test_are_as_if_nothing_had_been_checked() -> None:
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    with pytest.raises(CheckFailed):
        check_function(lambda x: x.sum(0), _rows, lambda generator: torch.randn(3, 2, generator=generator))
    assert torch.equal(torch.rand(3), expected)


@pytest.mark.parametrize("change", [lambda x: x.add_(1), lambda x: x.resize_(0), lambda x: x.mul_(float("nan"))])
def test_a_change_in_place_is_noticed(change: Function) -> None:
    def f(x: torch.Tensor, y: list[int]) -> torch.Tensor:
        right = x.sum(1)
        change(x)
        return right

    with pytest.raises(CheckFailed, match="`f` changes its argument 1 in place"):
        check_function(f, lambda x, y: x.sum(1), arguments("2 2", [1]), name="f")


def test_a_dtype_that_is_not_the_reference_s_is_named() -> None:
    with pytest.raises(CheckFailed, match="has dtype float64, expected float32"):
        check_function(lambda x: x.double(), lambda x: x, arguments("n"))
    check_function(lambda x: x.double(), lambda x: x, arguments("n"), dtype=None)
    check_function(lambda x: x.double(), lambda x: x, arguments("n"), dtype="float")
    with pytest.raises(CheckFailed, match="expected a floating-point one"):
        check_function(lambda x: x.long(), lambda x: x.long(), arguments(("n", torch.int64)), dtype="float")


LOOPS: dict[str, tuple[Function, Function, Any]] = {
    "sum in a loop": (lambda x: torch.stack([sum(row) for row in x]), _rows, arguments("n d")),
    "rows one by one": (lambda x: torch.cat([row[None] * 2 for row in x]), lambda x: 2 * x, arguments("n d")),
    "with targets": (
        lambda x, y: sum(((a - b) ** 2).sum() for a, b in zip(x, y, strict=True)),
        lambda x, y: ((x - y) ** 2).sum(),
        arguments("n d", "n d"),
    ),
    "with weights": (
        lambda x, w: torch.stack([row @ w for row in x]),
        lambda x, w: x @ w,
        arguments("n d", "d k"),
    ),
    "by numbers": (lambda x: torch.tensor([sum(r) for r in x.tolist()]), _rows, arguments("n d")),
}


@pytest.mark.parametrize("name", LOOPS)
def test_a_loop_over_rows_is_noticed_and_its_absence_too(name: str) -> None:
    loop, whole, inputs = LOOPS[name]
    check_function(loop, whole, inputs, examples=5, rtol=1e-4, atol=1e-4)
    check_function(whole, whole, inputs, examples=5, loops="none")
    with pytest.raises(CheckFailed, match=r"without a Python loop|lost its connection"):
        check_function(loop, whole, inputs, examples=5, loops="none", rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(
    ("f", "holds", "not_"),
    [
        (lambda x: 3 * x, linearity(), lambda x: 3 * x + 1),
        (lambda x: x.sum(0), permutation(), lambda x: x[0]),
        (lambda x: x * 2, permutation(result_dim=0), lambda x: x.cumsum(0)),
        (lambda x: x.softmax(0), shift(), lambda x: x / (x.abs().sum() + 1)),
        (lambda x: x / (x.abs().max() + 1e-12), scale(0), lambda x: x),
        (lambda x: x * x, scale(2), lambda x: x * x + 1),
    ],
)
def test_properties_hold_or_are_missed(f: Function, holds: Any, not_: Function) -> None:
    inputs = [(torch.tensor([1.0, -2.0, 4.0, 0.5]),), (torch.tensor([3.0, 1.0, 2.0]),)]
    check_function(f, None, inputs, properties=[holds])
    with pytest.raises(CheckFailed, match="`f`"):
        check_function(not_, None, inputs, name="f", properties=[holds])


def test_the_instructor_s_mistakes_are_no_failures_of_the_student() -> None:
    with pytest.raises(ValueError, match="no inputs"):
        check_function(_rows, _rows, [])
    with pytest.raises(ValueError, match="loops"):
        check_function(_rows, _rows, arguments("n d"), loops="some")
    for inputs in ([(torch.ones(2, 2),)], arguments("n d")):
        with pytest.raises(IndexError):
            check_function(_rows, lambda x: x.sum(7), inputs)
