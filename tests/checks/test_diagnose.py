"""Each misconception is named for random tensors; what none explains, and what all explain, is met with silence."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from graders.checks import diagnose
from graders.diagnose import diagnose_gradient, find

Case = tuple[torch.Tensor, torch.Tensor, dict[str, Any]]


def _numbers(generator: torch.Generator, *shape: int) -> torch.Tensor:
    """Random numbers of which no two are alike, none near 0."""
    x = torch.randn(shape, generator=generator, dtype=torch.float64)
    return x + x.sign() * 0.2


def _positive(generator: torch.Generator, *shape: int) -> torch.Tensor:
    return torch.rand(shape, generator=generator, dtype=torch.float64) * 5 + 0.3


Make = Callable[[torch.Generator, int, int], Case]


def _from(change: Callable[[torch.Tensor], torch.Tensor], positive: bool = False) -> Make:
    """A mutation of what is expected, without inputs."""

    def make(g: torch.Generator, n: int, d: int) -> Case:
        x = (_positive if positive else _numbers)(g, n, d)
        return x, change(x), {}

    return make


def _of_x(right: Callable[[torch.Tensor], torch.Tensor], wrong: Callable[[torch.Tensor], torch.Tensor]) -> Make:
    """Two functions of one input."""

    def make(g: torch.Generator, n: int, d: int) -> Case:
        x = _positive(g, n, d)
        return right(x), wrong(x), {"x": x}

    return make


def _of_two(right: Callable[..., torch.Tensor], wrong: Callable[..., torch.Tensor]) -> Make:
    """Two functions of predictions and targets, both with n numbers."""

    def make(g: torch.Generator, n: int, d: int) -> Case:
        p, t = _numbers(g, n), _numbers(g, n)
        return right(p, t), wrong(p, t), {"p": p, "t": t}

    return make


def _of_layer(right: Callable[..., torch.Tensor], wrong: Callable[..., torch.Tensor]) -> Make:
    def make(g: torch.Generator, n: int, d: int) -> Case:
        x, w, b = _numbers(g, n, d), _numbers(g, d, 3), _numbers(g, 3)
        return right(x, w, b), wrong(x, w, b), {"x": x, "w": w, "b": b}

    return make


def _rolled(x: torch.Tensor) -> torch.Tensor:
    return torch.cat([x[1:], x[:1]])


def _mse(p: torch.Tensor, t: torch.Tensor) -> torch.Tensor:
    return ((p - t) ** 2).mean()


MISTAKES: dict[str, tuple[Make, str]] = {
    "transposed": (_from(lambda x: x.T), "It is transposed."),
    "reshaped for transposed": (_from(lambda x: x.T.reshape(x.shape)), "reshaped where it should be transposed"),
    "dims swapped": (
        lambda g, n, d: (lambda x: (x, x.transpose(0, 1), {}))(_numbers(g, n, d, 2)),
        "Dims 0 and 1 are swapped.",
    ),
    "wrong dim, sum": (
        _of_x(lambda x: x.sum(1), lambda x: x.sum(0)),
        "the sum of `x` over dim 0, where dim 1 is asked",
    ),
    "wrong dim, mean": (_of_x(lambda x: x.mean(0), lambda x: x.mean(1)), "over dim 1, where dim 0 is asked"),
    "wrong dim, softmax": (_of_x(lambda x: x.softmax(1), lambda x: x.softmax(0)), "the softmax of `x` over dim 0"),
    "wrong dim, argmax": (
        _of_x(lambda x: (x * 1.0).argmax(1), lambda x: x.argmax(0)),
        "",  # with few rows the positions may be those of another mistake too
    ),
    "wrong dim, standardised": (
        _of_x(lambda x: (x - x.mean(0)) / x.std(0), lambda x: ((x.T - x.mean(1)) / x.std(1)).T),
        "standardised values of `x` over dim 1, where dim 0",
    ),
    "everything for a dim": (_of_x(lambda x: x.sum(1), lambda x: x.sum()), "over everything, where dim 1 is asked"),
    "keepdim missing": (_of_x(lambda x: x.sum(1, keepdim=True), lambda x: x.sum(1)), "keepdim=True keeps it"),
    "keepdim too many": (_of_x(lambda x: x.sum(1), lambda x: x.sum(1, keepdim=True)), "a dim of size 1 too many"),
    "sum for mean": (_of_x(lambda x: x.mean(1), lambda x: x.sum(1)), "the sum of `x`, where the mean is asked"),
    "mean for sum": (_of_x(lambda x: x.sum(0), lambda x: x.mean(0)), "the mean of `x`, where the sum is asked"),
    "sum for mean of all": (_of_x(lambda x: x.mean(), lambda x: x.sum()), "the sum of `x`, where the mean is asked"),
    "max for argmax": (
        _of_x(lambda x: x.argmax(1), lambda x: x.amax(1)),
        "the max of `x`, where its position is asked",
    ),
    "next column": (_of_x(lambda x: x[:, 1], lambda x: x[:, 2]), "index 2, and the one beside it is asked"),
    "row for column": (_of_x(lambda x: x[:, 1], lambda x: x[1]), "index 1 along dim 0 of `x`, where dim 1 is asked"),
    "every index one more": (
        lambda g, n, d: (lambda k: (k, k + 1, {}))(torch.randperm(n, generator=g) ** 2),
        "Every value is one more",
    ),
    "slice ends too early": (_from(lambda x: x[:-1]), "the last one is missing"),
    "slice begins too late": (_from(lambda x: x[1:]), "the first one is missing"),
    "slice one off": (_of_x(lambda x: x[:, 0:2], lambda x: x[:, 1:3]), "begins one place too late along dim 1"),
    "rolled": (_from(_rolled), "one place earlier"),
    "reversed": (_from(lambda x: x.flip(0)), "in reverse order along dim 0"),
    "broadcast, loss": (
        _of_two(_mse, lambda p, t: ((p[:, None] - t) ** 2).mean()),
        "`p` and `t` were broadcast to",
    ),
    "broadcast, difference": (_of_two(lambda p, t: p - t, lambda p, t: p[:, None] - t), "were broadcast to"),
    "broadcast, no inputs": (
        lambda g, n, d: (lambda p, t: (p - t, p[:, None] - t, {}))(_numbers(g, n), _numbers(g, n)),
        "Broadcasting made it",
    ),
    "sum of squares": (
        _of_two(_mse, lambda p, t: ((p - t) ** 2).sum()),
        "the sum of `(p - t)**2`, where the mean of `(p - t)**2` is asked",
    ),
    "absolute for squared": (_of_two(_mse, lambda p, t: (p - t).abs().mean()), "the mean of `|p - t|`"),
    "not reduced": (_of_two(_mse, lambda p, t: (p - t) ** 2), "It is `(p - t)**2`, where the mean"),
    "integers": (_from(lambda x: (x * 1).long()), "The fractions are cut off"),
    "floored": (_from(lambda x: x // 1, positive=True), "The fractions are cut off"),
    "rounded": (_from(lambda x: (x + 0.0).round(), positive=True), ""),
    "sign": (_from(lambda x: -x), "The sign is flipped."),
    "twice": (_from(lambda x: 2 * x), "It is 2 times the expected one"),
    "third": (_from(lambda x: x / 3), "It is the expected one divided by 3"),
    "odd factor": (_from(lambda x: 1.37 * x), "Every value is 1.37 times the expected one."),
    "offset": (_from(lambda x: x + 0.25), "Every value is 0.25 too large."),
    "no bias": (_of_layer(lambda x, w, b: x @ w + b, lambda x, w, b: x @ w), "`b` is not added."),
    "bias subtracted": (_of_layer(lambda x, w, b: x @ w + b, lambda x, w, b: x @ w - b), "`b` is subtracted where"),
    "matmul, elementwise": (
        lambda g, n, d: (lambda a, b: (a @ b, a * b, {"a": a, "b": b}))(_numbers(g, n, n), _numbers(g, n, n)),
        "It is `a * b`, where `a @ b` is asked.",
    ),
    "matmul, other order": (
        lambda g, n, d: (lambda a, b: (a @ b, b @ a, {"a": a, "b": b}))(_numbers(g, n, n), _numbers(g, n, n)),
        "It is `b @ a`, where `a @ b` is asked.",
    ),
    "shuffled rows": (_from(lambda x: torch.cat([x[1:2], x[:1], x[2:]])), "The rows are right, but in another order."),
    "log2": (_of_x(torch.log, torch.log2), "logarithm to base 2"),
    "log10, no inputs": (
        _from(lambda x: x * 0.4342944819032518, positive=True),
        "the logarithm to base 10 where the nat",
    ),
    "degrees of freedom": (
        _of_x(lambda x: x.std(0), lambda x: x.std(0, correction=0)),
        "divided by n where n - 1 is asked",
    ),
    "degrees of freedom, the reverse": (
        _of_x(lambda x: x.var(1, correction=0), lambda x: x.var(1)),
        "divided by n - 1 where n is asked",
    ),
    "variance for deviation": (_of_x(lambda x: x.std(0), lambda x: x.var(0)), "It is the variance of `x`"),
    "root missing": (_from(lambda x: x**2), "It is the square of what is expected"),
    "opposite": (lambda g, n, d: (lambda t: (t, ~t, {}))(_numbers(g, n, d) > 0), ""),
    "unchanged": (_of_x(lambda x: x.softmax(1), lambda x: x), "It is `x` itself, unchanged."),
}


@pytest.mark.slow
@settings(deadline=None, max_examples=10)
@given(seed=st.integers(0, 2**31), n=st.integers(4, 7), d=st.integers(3, 6), single=st.booleans())
@pytest.mark.parametrize("mistake", MISTAKES)
def test_each_mistake_is_named(mistake: str, seed: int, n: int, d: int, single: bool) -> None:
    if n == d:
        d += 3
    make, says = MISTAKES[mistake]
    expected, got, inputs = make(torch.Generator().manual_seed(seed), n, d)
    if mistake == "absolute for squared":  # of one sign, it might as well be the mean of p - t
        assume((inputs["p"] - inputs["t"]).sign().unique().numel() > 1)
    if single:  # as students' tensors are
        expected, got = (t.float() if t.is_floating_point() else t for t in (expected, got))
        inputs = {name: item.float() for name, item in inputs.items()}
    said = diagnose(expected, got, inputs=inputs or None)
    assert says in said, find(expected, got, inputs=inputs or None)


@pytest.mark.slow
@settings(deadline=None, max_examples=10)
@given(seed=st.integers(0, 2**31), n=st.integers(4, 7), d=st.integers(3, 6), factor=st.floats(1.01, 3))
@pytest.mark.parametrize("mistake", MISTAKES)
def test_one_number_that_does_not_fit_silences_it(mistake: str, seed: int, n: int, d: int, factor: float) -> None:
    expected, got, inputs = MISTAKES[mistake][0](torch.Generator().manual_seed(seed), n, d if n != d else d + 3)
    if not got.is_floating_point() or got.numel() < 2:
        return
    got = got.clone(memory_format=torch.contiguous_format)
    got.view(-1)[seed % got.numel()] += factor * (1 + float(expected.double().abs().max()))
    assert diagnose(expected, got, inputs=inputs or None) == ""


_shapes = st.lists(st.integers(1, 5), max_size=3).map(tuple)


@pytest.mark.slow
@settings(deadline=None, max_examples=100)
@given(seed=st.integers(0, 2**31), shape=_shapes, other=_shapes, alike=st.booleans(), gradient=st.booleans())
def test_what_has_nothing_to_do_with_it_is_never_named(
    seed: int, shape: tuple[int, ...], other: tuple[int, ...], alike: bool, gradient: bool
) -> None:
    generator = torch.Generator().manual_seed(seed)
    expected = torch.randn(shape, generator=generator)
    got = torch.randn(shape if alike else other, generator=generator)
    inputs = {name: torch.randn(size, generator=generator) for name, size in (("a", shape), ("b", other), ("c", (3,)))}
    assert diagnose(expected, got) == ""
    assert diagnose(expected, got, inputs=inputs) == ""
    assert diagnose_gradient(expected, got) == ""


@given(
    st.sampled_from(
        [torch.zeros(3, 4), torch.full((3, 4), 2.5), torch.tensor(3.0), torch.tensor([3.0]), torch.zeros(0)]
    ),
    st.sampled_from(
        [torch.ones(3, 4), torch.zeros(3, 4), torch.full((3, 4), -2.5), torch.tensor(-3.0), torch.tensor([6.0])]
    ),
)
def test_silence_where_anything_would_explain_it(expected: torch.Tensor, got: torch.Tensor) -> None:
    assert diagnose(expected, got) == ""


@pytest.mark.parametrize("odd", [float("nan"), float("inf")])
def test_silence_on_numbers_that_are_none(odd: float) -> None:
    expected = torch.tensor([1.0, 2.0, 3.0])
    assert diagnose(expected, torch.tensor([1.0, 2.0, odd])) == ""
    assert diagnose(torch.tensor([1.0, 2.0, odd]), expected) == ""


@given(
    seed=st.integers(0, 2**31),
    kind=st.sampled_from([torch.float32, torch.float64, torch.int64, torch.bool, torch.complex64]),
)
def test_what_is_right_is_not_diagnosed(seed: int, kind: torch.dtype) -> None:
    x = (torch.randn(3, 3, generator=torch.Generator().manual_seed(seed)) * 5).to(kind)
    assert find(x, x.clone(), inputs={"x": x, "y": x.T}) == []


def test_two_meanings_are_not_told_apart() -> None:
    """Of two inputs that are alike, nobody knows which one was meant."""
    x = torch.tensor([[1.0, 2.0], [2.0, 5.0]])
    assert "where" not in diagnose(x.sum(0), x.sum(1) * 7)


def test_complex_numbers_are_compared_too() -> None:
    z = torch.tensor([1 + 2j, 3 - 1j])
    assert diagnose(z, -z) == "The sign is flipped."
    assert diagnose(z, z.conj()) == ""


@pytest.mark.parametrize("size", [2, 3, 5])
def test_a_transposed_square_is_named(size: int) -> None:
    expected = torch.arange(1.0, size * size + 1).reshape(size, size) ** 2
    assert diagnose(expected, expected.T) == "It is transposed."
