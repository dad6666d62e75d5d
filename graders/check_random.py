"""Demand random numbers of a distribution, and that seeds decide them; a right answer fails once in 10⁹ times at most."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import torch

from graders.answers import as_function, as_tensor, call, called, elements
from graders.dims import Dims, Shape
from graders.failure import CheckFailed

#: How often, at most, a right answer fails a test of its distribution.
ERROR_RATE = 1e-9
_ENOUGH = 1000


def check_random(
    f: Any,
    name: str = "",
    *,
    distribution: torch.distributions.Distribution | str | None = None,
    arguments: Sequence[Any] = (),
    shape: Shape | None = None,
    seeded: bool = True,
    seed: int = 0,
) -> None:
    """Demand that a function draws from a distribution, and that ``torch.manual_seed`` decides what it draws.

    The distribution is tested by how far the counts below any value are from it: by the inequality of Dvoretzky, Kiefer,
    Wolfowitz and Massart a right answer fails once in 10⁹ times at the most, whatever the distribution.

    Args:
        f: the student's function.
        distribution: of each number: one of ``torch.distributions``, or ``"normal"``, ``"uniform"`` (0 to 1).
        arguments: what to call it with.
        shape: of what it gives.
        seeded: whether the same seed must give the same numbers, and another seed others.
        seed: the first seed that is tried.

    Raises:
        CheckFailed: the numbers are of another distribution (another well-known one is named), or seeds do not decide them.

    >>> check_random(lambda: torch.randn(1000), "draw", distribution="normal")
    >>> check_random(lambda: torch.rand(1000), "draw", distribution="normal")
    Traceback (most recent call last):
    ...
    graders.failure.CheckFailed: `draw` should draw from a normal distribution (mean 0, standard deviation 1), ...
    """
    label = called(f, name)
    function = as_function(f, label)

    def draw(number: int) -> torch.Tensor:
        torch.manual_seed(number)
        return elements(as_tensor(call(function, arguments, label), f"{label}(…)"), f"{label}(…)")

    state = torch.get_rng_state()
    try:
        first = draw(seed)
        if shape is not None:
            problem = Dims().problem(shape, tuple(first.shape))
            if problem:
                raise CheckFailed(f"`{label}(…)` {problem}")
        if seeded:
            _demand_seeded(draw, first, seed, label)
        if distribution is not None:
            wanted = _distribution(distribution)
            _demand_distribution(_sample(draw, first, seed, label), wanted, label)
    finally:
        torch.set_rng_state(state)


def largest_gap(count: int, error_rate: float = ERROR_RATE) -> float:
    """How far the fraction of ``count`` draws below any value may be from the true one, but for ``error_rate``.

    >>> round(largest_gap(1000), 3)
    0.103
    """
    return math.sqrt(math.log(2 / error_rate) / (2 * count))


def gap(sample: torch.Tensor, distribution: torch.distributions.Distribution) -> float:
    """The largest difference between the fraction of draws below a value and the true one.

    >>> gap(torch.tensor([0.5]), torch.distributions.Uniform(0.0, 1.0))
    0.5
    """
    values, counts = sample.double().reshape(-1).sort().values.unique_consecutive(return_counts=True)
    upto = counts.cumsum(0) / counts.sum()
    before = upto - counts / counts.sum()
    true, below = _cdf(distribution, values), _cdf(distribution, values.nextafter(torch.tensor(-math.inf).double()))
    return float(torch.maximum((upto - true).abs(), (before - below).abs()).max())


def _cdf(distribution: torch.distributions.Distribution, values: torch.Tensor) -> torch.Tensor:
    found: torch.Tensor = distribution.cdf(values)
    return found.double()


def _distribution(wanted: torch.distributions.Distribution | str) -> torch.distributions.Distribution:
    made: dict[str, Callable[[], torch.distributions.Distribution]] = {
        "normal": lambda: torch.distributions.Normal(torch.tensor(0.0).double(), torch.tensor(1.0).double()),
        "uniform": lambda: torch.distributions.Uniform(
            torch.tensor(0.0).double(), torch.tensor(1.0).double(), validate_args=False
        ),
    }
    return made[wanted]() if isinstance(wanted, str) else wanted


def _demand_seeded(draw: Callable[[int], torch.Tensor], first: torch.Tensor, seed: int, label: str) -> None:
    again, other = draw(seed), draw(seed + 1)
    if first.shape != again.shape or not torch.equal(first, again):
        raise CheckFailed(
            f"`{label}` gives other numbers after the same torch.manual_seed: what else does it draw from?"
        )
    if first.numel() and torch.equal(first, other):
        raise CheckFailed(f"`{label}` gives the same numbers whatever the seed: does it set a seed of its own?")


def _sample(draw: Callable[[int], torch.Tensor], first: torch.Tensor, seed: int, label: str) -> torch.Tensor:
    """At least so many draws that a wrong distribution shows."""
    if not first.numel():
        raise CheckFailed(f"`{label}` gives no numbers")
    parts = [first.reshape(-1)]
    while sum(part.numel() for part in parts) < _ENOUGH and len(parts) < _ENOUGH:
        parts.append(draw(seed + 1 + len(parts)).reshape(-1))
    return torch.cat(parts)


def _demand_distribution(sample: torch.Tensor, wanted: torch.distributions.Distribution, label: str) -> None:
    if not bool(sample.isfinite().all()):
        raise CheckFailed(f"`{label}` gives NaN or infinity")
    if gap(sample, _as_tested(wanted)) <= largest_gap(sample.numel()):
        return
    mean, std = float(sample.double().mean()), float(sample.double().std())
    shown = f"about mean {mean:.3g}, standard deviation {std:.3g}, from {float(sample.min()):.3g} to {float(sample.max()):.3g}"
    raise CheckFailed(f"`{label}` should draw from {_words(wanted)}, but its numbers have {shown}")


def _as_tested(wanted: torch.distributions.Distribution) -> torch.distributions.Distribution:
    """Without the check of values: outside of the support the cdf is 0 or 1."""
    wanted._validate_args = False
    return wanted


def _words(wanted: torch.distributions.Distribution) -> str:
    if isinstance(wanted, torch.distributions.Normal):
        return f"a normal distribution (mean {float(wanted.mean):g}, standard deviation {float(wanted.stddev):g})"
    if isinstance(wanted, torch.distributions.Uniform):
        return f"a uniform distribution from {float(wanted.low):g} to {float(wanted.high):g}"
    return f"{type(wanted).__name__} (mean {float(wanted.mean.mean()):g}, standard deviation {float(wanted.stddev.mean()):g})"
