"""Graphs, modules, training and random numbers: right ones pass, each way of being wrong has its reason."""

# ruff: noqa: N803, N806
from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn

from graders.check_random import ERROR_RATE, gap, largest_gap
from graders.checks import (
    CheckFailed,
    check_grad,
    check_gradient,
    check_graph,
    check_module,
    check_random,
    check_training,
)


def _leaves() -> tuple[torch.Tensor, torch.Tensor]:
    return torch.ones(2, requires_grad=True), torch.tensor([3.0, 4.0], requires_grad=True)


def test_a_whole_graph_passes_and_is_left_as_it_was() -> None:
    a, b = _leaves()
    loss = ((a * b).exp() @ b).sum()
    check_graph(loss, "loss", leaves={"a": a, "b": b}, uses=["Mul", "Exp", "Dot"], avoids=["MatMul"])
    check_graph(a * b.detach(), "z", leaves={"b": b}, cut=True)
    check_graph(a.detach(), "z", cut=True)
    assert a.grad is None
    loss.backward()


@pytest.mark.parametrize(
    ("make", "options", "says"),
    [
        (lambda a, b: (a * b).detach(), {}, "`z` does not require gradients"),
        (lambda a, b: a * b.item() if b.numel() == 1 else a * 2, {}, "`z` does not depend on `b`"),
        (lambda a, b: a * b, {"cut": True}, "a gradient flows from `z` to `a`"),
        (lambda a, b: a * b, {"cut": True, "leaves": None}, "should be cut off from the graph"),
        (lambda a, b: a * b, {"uses": ["MatMul"]}, "should be computed with MatMul; its graph has Mul"),
        (lambda a, b: a * b, {"avoids": ["Mul"]}, "should be computed without Mul"),
        (lambda a, b: 3.0, {}, "`z` should be a tensor, but it is a float, 3.0"),
    ],
)
def test_graphs_that_are_wrong(make: Callable[..., Any], options: dict[str, Any], says: str) -> None:
    a, b = _leaves()
    with pytest.raises(CheckFailed) as caught:
        check_graph(make(a, b), "z", **{"leaves": {"a": a, "b": b}, **options})
    assert says in str(caught.value)


def test_a_graph_that_was_used_up() -> None:
    a, _ = _leaves()
    loss = a.exp().sum()
    loss.backward()
    with pytest.raises(CheckFailed, match="a backward pass over it ran already"):
        check_graph(loss, "loss", leaves={"a": a})


class Line(nn.Module):
    """y = xW + b, with the student's own names; the ways to get it wrong."""

    def __init__(self, how: str = "right") -> None:
        super().__init__()
        self.how = how
        self.W = nn.Parameter(torch.randn(3, 1))
        b = torch.randn(1)
        self.b = nn.Parameter(b) if how != "plain bias" else b  # type: ignore[assignment]
        if how == "more":
            self.c = nn.Parameter(torch.ones(1))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = x @ self.W + (0 if self.how == "no bias" else self.b)
        return y.squeeze(1) if self.how == "squeezed" else y.detach() if self.how == "detached" else y


def _right(x: torch.Tensor, p: dict[str, torch.Tensor]) -> torch.Tensor:
    return x @ p["W"] + p["b"]


_ASKED: dict[str, Any] = {"parameters": {"W": "d 1", "b": (1,)}, "input_shape": (4, 3), "output_shape": "4 1"}


def test_right_modules_pass() -> None:
    check_module(Line(), "line", reference=_right, **_ASKED)
    check_module(Line(), "line", parameters=4, input_shape=(4, 3), reference=Line())
    check_module(nn.Linear(3, 1), "line", parameters=["1 3", (1,)], input_shape=(4, 3), reference=nn.Linear(3, 1))
    check_gradient(Line(), [torch.randn(5, 3)], _right, name="line")
    check_gradient(Line(), [torch.randn(5, 3)], name="line")


@pytest.mark.parametrize(
    ("how", "says"),
    [
        ("no bias", "`b` is not added."),
        ("plain bias", "`line` lacks the parameter `b`: it has W (3, 1)"),
        ("more", "a parameter that nobody asked for: c"),
        ("squeezed", "`line(x)` has shape (4,), expected (4, 1)"),
    ],
)
def test_modules_that_are_wrong(how: str, says: str) -> None:
    with pytest.raises(CheckFailed) as caught:
        check_module(Line(how), "line", reference=_right, **_ASKED)
    assert says in str(caught.value)


def test_a_module_that_loses_its_gradients() -> None:
    with pytest.raises(CheckFailed, match="lost its connection"):
        check_gradient(Line("detached"), [torch.randn(5, 3)], _right, name="line")


@pytest.mark.parametrize(
    ("backward", "says"),
    [
        (lambda W: None, "`W.grad` is None: did backward"),
        (
            lambda W: [((W * 2 - 10) ** 2).backward() for _ in range(3)],
            "It is 3 times the expected one: was it added up",
        ),
        (lambda W: (10 - (W * 2)).pow(1).backward(), "expected -16"),
        (lambda W: (-((W * 2 - 10) ** 2)).backward(), "The sign is flipped."),
        (lambda W: (((W * 2 - 10) ** 2) / 2).backward(), "divided by 2"),
        (lambda W: (((W * 2 - 10) ** 2) * 0).backward(), "It is zero"),
    ],
)
def test_gradients_that_a_cell_left(backward: Callable[[torch.Tensor], Any], says: str) -> None:
    W = torch.tensor(3.0, requires_grad=True)
    ((W * 2 - 10) ** 2).backward()
    check_grad(W, "W", -16.0)
    check_grad(W, "W", lambda W: (W * 2 - 10) ** 2)
    W.grad = None
    backward(W)
    with pytest.raises(CheckFailed) as caught:
        check_grad(W, "W", lambda W: (W * 2 - 10) ** 2)
    assert says in str(caught.value)
    assert "-16" not in caught.value.redacted


def test_what_keeps_no_gradient() -> None:
    W = torch.tensor(3.0, requires_grad=True)
    with pytest.raises(CheckFailed, match="`y` is no leaf: MulBackward0 computed it"):
        check_grad(W * 2, "y", 1.0)
    with pytest.raises(CheckFailed, match="does not require gradients"):
        check_grad(W.detach(), "W", 1.0)


@pytest.mark.parametrize("losses", [[4.0, 1.0, 2.0, 0.1], torch.tensor([3.0, 1.0]), [torch.tensor(3.0), 1], (3, 2)])
def test_losses_that_fall(losses: Any) -> None:
    check_training(losses, below=2.5)


@pytest.mark.parametrize(
    ("losses", "options", "says"),
    [
        ([3.0, 3.0, 3.0], {}, "stays at 3: are the parameters changed at all"),
        ([3.0, 5.0], {}, "should fall, but it goes from 3 to 5"),
        ([3.0, float("nan")], {}, "has nan at step 2: the steps are too large"),
        ([3.0], {}, "at least two losses"),
        ([3.0, 2.0], {"steps": 5}, "should have 5 losses, one for each step, but it has 2"),
        ([3.0, 2.0], {"below": 0.5}, "should come below 0.5"),
        ([3.0, "x"], {}, "`losses[1]` should be a number"),
        (torch.ones(2, 2), {}, "one loss for each step"),
    ],
)
def test_losses_that_do_not(losses: Any, options: dict[str, Any], says: str) -> None:
    with pytest.raises(CheckFailed) as caught:
        check_training(losses, **options)
    assert says in str(caught.value)


@pytest.mark.parametrize(
    ("learnt", "says"),
    [
        (torch.zeros(1, 1), "`W` is still what it was before"),
        (
            torch.tensor([[1.0]]),
            "`W` is [[1]] after training; the data was made with [[2]], and it should come within 0.1",
        ),
        (torch.tensor([[float("nan")]]), "NaN or infinity"),
        (torch.ones(2), "has shape (2,), expected (1, 1)"),
    ],
)
def test_parameters_that_were_not_learnt(learnt: torch.Tensor, says: str) -> None:
    check_training(parameters={"W": 1.95}, start={"W": 0}, truth={"W": torch.tensor([[2.0]])})
    with pytest.raises(CheckFailed) as caught:
        check_training(parameters={"W": learnt}, start={"W": torch.zeros(1, 1)}, truth={"W": torch.tensor([[2.0]])})
    assert says in str(caught.value)
    assert "made with [[2]]" not in caught.value.redacted


DRAWS: dict[str, tuple[Callable[[], torch.Tensor], Any]] = {
    "normal": (lambda: torch.randn(300), "normal"),
    "uniform": (lambda: torch.rand(7, 3), "uniform"),
    "noise": (lambda: 0.1 * torch.randn(50, 1), torch.distributions.Normal(0.0, 0.1)),
    "shifted": (lambda: torch.rand(100) * 4 - 1, torch.distributions.Uniform(-1.0, 3.0)),
    "waiting": (lambda: torch.empty(100).exponential_(2.0), torch.distributions.Exponential(2.0)),
    "one at a time": (lambda: torch.randn(()), "normal"),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", DRAWS)
def test_right_draws_pass_whatever_the_seed(name: str) -> None:
    draw, distribution = DRAWS[name]
    state = torch.get_rng_state()
    for seed in range(0, 1000, 100):
        check_random(draw, "draw", distribution=distribution, seed=seed)
    assert torch.equal(torch.get_rng_state(), state), "what comes after draws what it would have drawn"


@pytest.mark.parametrize(
    ("draw", "says"),
    [
        (lambda: torch.rand(100), "draws from a uniform distribution from 0 to 1"),
        (lambda: torch.randn(100), "draws from a normal distribution (mean 0, standard deviation 1)"),
        (lambda: 0.01 * torch.randn(100), "draws from a normal distribution (mean 0, standard deviation 0.01)"),
        (lambda: torch.randn(100) * 0.1 + 1, "its numbers have about mean 1"),
        (lambda: torch.zeros(100), "gives the same numbers whatever the seed"),
        (lambda: torch.manual_seed(3) and 0.1 * torch.randn(100), "does it set a seed of its own"),
        (lambda: torch.empty(4).fill_(float("nan")), "`draw` gives"),
        (lambda: 0.1 * torch.randn(100, generator=_other), "other numbers after the same torch.manual_seed"),
    ],
)
def test_draws_that_are_wrong(draw: Callable[[], torch.Tensor], says: str) -> None:
    with pytest.raises(CheckFailed) as caught:
        check_random(draw, "draw", distribution=torch.distributions.Normal(0.0, 0.1))
    assert says in str(caught.value)


_other = torch.Generator().manual_seed(0)


def test_the_bound_is_far_from_what_right_samples_show() -> None:
    """The bound is proved; here it is seen that samples stay well within it, and that it is not so wide as to let all pass."""
    generator = torch.Generator().manual_seed(1)
    normal = torch.distributions.Normal(0.0, 1.0, validate_args=False)
    worst = max(gap(torch.randn(2000, generator=generator), normal) for _ in range(200))
    assert worst < largest_gap(2000)
    assert gap(torch.rand(2000, generator=generator), normal) > 3 * largest_gap(2000)
    assert ERROR_RATE <= 1e-9
