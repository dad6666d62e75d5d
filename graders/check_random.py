"""Demand random numbers of a distribution, decided by seeds; a right answer fails once in a billion times at most."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch.distributions import Distribution, Normal, Uniform

from graders.answers import as_function, as_tensor, call, called, elements
from graders.dims import Dims, Shape
from graders.failure import CheckFailed

#: How often, at most, a right answer fails the test of its distribution.
ERROR_RATE = 1e-9
_ENOUGH = 2000
_MOST_CALLS = 200


def check_random(
    f: Any,
    name: str = "",
    *,
    distribution: Distribution | str | None = None,
    arguments: Sequence[Any] = (),
    shape: Shape | None = None,
    seeded: bool = True,
    seed: int = 0,
) -> None:
    """Demand that a function draws from a distribution, and that ``torch.manual_seed`` decides what it draws.

    The share of the draws below each value is compared with the true one. By the inequality of Dvoretzky, Kiefer,
    Wolfowitz and Massart a right answer fails once in a billion times at the most, whatever the distribution; and the
    seeds are the same each time, so that an answer that passed passes again.

    Args:
        f: the student's function.
        name: what the student calls it.
        distribution: of each number: one of ``torch.distributions`` that has a cdf, or ``"normal"`` (mean 0, standard
            deviation 1), ``"uniform"`` (from 0 to 1).
        arguments: what to call it with.
        shape: of what it gives.
        seeded: whether the same seed must give the same numbers, and another seed others.
        seed: the first seed that is tried.

    Raises:
        CheckFailed: the numbers are of another distribution, or seeds do not decide them.

    >>> check_random(lambda: torch.randn(1000), "draw", distribution="normal")
    >>> check_random(lambda: torch.rand(1000), "draw", distribution="normal")
    Traceback (most recent call last):
    ...
    graders.failure.CheckFailed: `draw` should draw from a normal distribution (mean 0, standard deviation 1), but it \
draws from a uniform distribution from 0 to 1
    """
    label = called(f, name)
    function = as_function(f, label)

    def draw(number: int) -> torch.Tensor:
        torch.manual_seed(number)
        shown = f"{label}(…)"
        return elements(as_tensor(call(function, arguments, label), shown), shown)

    with torch.random.fork_rng(devices=[]):  # what comes after the check draws what it would have drawn
        first = draw(seed)
        problem = "" if shape is None else Dims().problem(shape, tuple(first.shape))
        if problem:
            raise CheckFailed(f"`{label}(…)` {problem}")
        if seeded:
            _demand_seeded(draw, first, seed, label)
        if distribution is not None:
            _demand_distribution(_sample(draw, first, seed, label), _distribution(distribution), label)


def largest_gap(count: int, error_rate: float = ERROR_RATE) -> float:
    """How far the share of ``count`` draws below a value may be from the true one, but for ``error_rate``.

    >>> round(largest_gap(1000), 3)
    0.103
    """
    return math.sqrt(math.log(2 / error_rate) / (2 * count))


def gap(sample: torch.Tensor, distribution: Distribution) -> float:
    """The largest difference between the share of draws below a value and the true one.

    >>> gap(torch.tensor([0.5]), Uniform(0.0, 1.0, validate_args=False))
    0.5
    """
    values, counts = sample.double().reshape(-1).sort().values.unique_consecutive(return_counts=True)
    up_to = counts.cumsum(0) / counts.sum()
    before = up_to - counts / counts.sum()
    just_below = values.nextafter(torch.full_like(values, -math.inf))
    true, below = (distribution.cdf(at).double() for at in (values, just_below))
    return float(torch.maximum((up_to - true).abs(), (before - below).abs()).max())


def _normal(mean: float, deviation: float) -> Distribution:
    return Normal(torch.tensor(mean).double(), torch.tensor(deviation).double(), validate_args=False)


def _uniform(low: float, high: float) -> Distribution:
    return Uniform(torch.tensor(low).double(), torch.tensor(high).double(), validate_args=False)


def _distribution(wanted: Distribution | str) -> Distribution:
    if isinstance(wanted, str):
        return {"normal": _normal(0.0, 1.0), "uniform": _uniform(0.0, 1.0)}[wanted]
    wanted._validate_args = False  # outside of the support the cdf is 0 or 1: no reason to refuse
    return wanted


def _demand_seeded(draw: Callable[[int], torch.Tensor], first: torch.Tensor, seed: int, label: str) -> None:
    again, other = draw(seed), draw(seed + 1)
    if first.shape != again.shape or not torch.equal(first, again):
        why = "what else does it draw from?"
        raise CheckFailed(f"`{label}` gives other numbers after the same torch.manual_seed: {why}")
    if first.shape == other.shape and torch.equal(first, other):
        raise CheckFailed(f"`{label}` gives the same numbers whatever the seed: does it set a seed of its own?")


def _sample(draw: Callable[[int], torch.Tensor], first: torch.Tensor, seed: int, label: str) -> torch.Tensor:
    """At least so many draws that a wrong distribution shows."""
    if not first.numel() or first.is_complex():
        raise CheckFailed(f"`{label}` gives no real numbers")
    parts = [first.reshape(-1)]
    while sum(part.numel() for part in parts) < _ENOUGH and len(parts) < _MOST_CALLS:
        parts.append(draw(seed + 1 + len(parts)).reshape(-1))
    sample = torch.cat([part.double() for part in parts])
    if not bool(sample.isfinite().all()):
        raise CheckFailed(f"`{label}` gives NaN or infinity")
    return sample


def _demand_distribution(sample: torch.Tensor, wanted: Distribution, label: str) -> None:
    most = largest_gap(sample.numel())
    if gap(sample, wanted) <= most:
        return
    mean, deviation = float(sample.mean()), float(sample.std())
    asked = f"`{label}` should draw from {_words(wanted)}, but"
    fitting = [_words(other) for other in _common(wanted) if gap(sample, other) <= most]
    if len(fitting) == 1:
        raise CheckFailed(f"{asked} it draws from {fitting[0]}")
    between = f"from {float(sample.min()):.3g} to {float(sample.max()):.3g}"
    raise CheckFailed(
        f"{asked} its numbers have about mean {mean:.3g} and standard deviation {deviation:.3g}, {between}"
    )


def _common(wanted: Distribution) -> list[Distribution]:
    """Distributions that students take for another: rand for randn, and a scale that is missing, squared or a root."""
    mean, deviation = (float(getattr(wanted, what).double().mean()) for what in ("mean", "stddev"))
    others = [_normal(0.0, 1.0), _uniform(0.0, 1.0), _uniform(-1.0, 1.0)]
    for scale in (1.0, deviation**2, deviation**0.5):
        if not any(abs(scale - float(other.stddev)) < 0.2 * scale for other in others[:1]) and scale > 0:
            others.append(_normal(mean, scale))
    return others


def _words(wanted: Distribution) -> str:
    if isinstance(wanted, Normal) and wanted.mean.numel() == 1:
        return f"a normal distribution (mean {float(wanted.mean):g}, standard deviation {float(wanted.stddev):g})"
    if isinstance(wanted, Uniform) and wanted.low.numel() == 1:
        return f"a uniform distribution from {float(wanted.low):g} to {float(wanted.high):g}"
    mean, deviation = float(wanted.mean.double().mean()), float(wanted.stddev.double().mean())
    return f"the distribution {type(wanted).__name__} (mean {mean:g}, standard deviation {deviation:g})"
