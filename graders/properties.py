"""What must hold of a function whatever its inputs: small objects that a test cell names, for ``check_function``."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import torch

from graders.compare import are_close
from graders.failure import CheckFailed

#: A student's function, called with a tuple of arguments; gives a plain tensor.
Ask = Callable[[Sequence[Any]], torch.Tensor]


class Property(Protocol):
    """Something that holds of a right function."""

    def check(self, ask: Ask, arguments: Sequence[Any], generator: torch.Generator, name: str) -> None:
        """Try it at ``arguments``.

        Raises:
            CheckFailed: it does not hold there.
        """


@dataclass(frozen=True, slots=True)
class _Linearity:
    argument: int

    def check(self, ask: Ask, arguments: Sequence[Any], generator: torch.Generator, name: str) -> None:
        x = arguments[self.argument]
        y = torch.randint(-8, 9, x.shape, generator=generator).to(x.dtype) / 2
        together = ask(_with(arguments, self.argument, 2 * x - 3 * y))
        apart = 2 * ask(arguments) - 3 * ask(_with(arguments, self.argument, y))
        _demand(together, apart, f"`{name}` is not linear: f(2x - 3y) should be 2·f(x) - 3·f(y)")


@dataclass(frozen=True, slots=True)
class _Permutation:
    dim: int
    of: tuple[int, ...]
    result_dim: int | None

    def check(self, ask: Ask, arguments: Sequence[Any], generator: torch.Generator, name: str) -> None:
        size = arguments[self.of[0]].shape[self.dim]
        order = torch.randperm(size, generator=generator)
        moved = list(arguments)
        for place in self.of:
            moved[place] = moved[place].index_select(self.dim, order)
        before, after = ask(arguments), ask(moved)
        if self.result_dim is None:
            said = "gives something else when its rows come in another order, and their order should not matter"
        else:
            said = "does not give the same for each row when the rows come in another order"
            if before.dim() <= self.result_dim or before.shape[self.result_dim] != size:
                return  # another check says that the shape is wrong
            before = before.index_select(self.result_dim, order)
        _demand(after, before, f"`{name}` {said}")


@dataclass(frozen=True, slots=True)
class _Scale:
    argument: int
    power: float

    def check(self, ask: Ask, arguments: Sequence[Any], generator: torch.Generator, name: str) -> None:
        factor = 4.0
        after = ask(_with(arguments, self.argument, factor * arguments[self.argument]))
        grows = "stay the same" if self.power == 0 else f"be {factor**self.power:g} times as large"
        said = f"`{name}` should {grows} when its argument {self.argument + 1} is 4 times as large"
        _demand(after, factor**self.power * ask(arguments), said)


@dataclass(frozen=True, slots=True)
class _Shift:
    argument: int
    by: float

    def check(self, ask: Ask, arguments: Sequence[Any], generator: torch.Generator, name: str) -> None:
        after = ask(_with(arguments, self.argument, arguments[self.argument] + self.by))
        said = f"`{name}` should stay the same when a number is added to all of its argument {self.argument + 1}"
        _demand(after, ask(arguments), said)


def linearity(argument: int = 0) -> Property:
    """f(2x − 3y) = 2·f(x) − 3·f(y) in one argument (counted from 0).

    >>> generator = torch.Generator().manual_seed(0)
    >>> linearity().check(lambda args: args[0] + 1, [torch.ones(2)], generator, "f")
    Traceback (most recent call last):
    ...
    graders.failure.CheckFailed: `f` is not linear: f(2x - 3y) should be 2·f(x) - 3·f(y)
    """
    return _Linearity(argument)


def permutation(dim: int = 0, *, of: Sequence[int] = (0,), result_dim: int | None = None) -> Property:
    """What happens when the rows come in another order.

    Args:
        dim: the dim whose order changes.
        of: the arguments (counted from 0) that change together, such as inputs and their targets.
        result_dim: the dim of the result that follows (equivariance); None where it stays the same (invariance).

    >>> generator = torch.Generator().manual_seed(0)
    >>> permutation().check(lambda args: args[0].sum(0), [torch.arange(4.0)], generator, "f")
    """
    return _Permutation(dim, tuple(of), result_dim)


def scale(power: float = 1, argument: int = 0) -> Property:
    """f(4x) = 4**power · f(x): 1 for what is proportional, 0 for what does not depend on the scale.

    >>> generator = torch.Generator().manual_seed(0)
    >>> scale(2).check(lambda args: args[0] ** 2, [torch.arange(4.0)], generator, "f")
    """
    return _Scale(argument, power)


def shift(argument: int = 0, by: float = 8.0) -> Property:
    """f(x + c) = f(x), as for a softmax.

    >>> generator = torch.Generator().manual_seed(0)
    >>> shift().check(lambda args: args[0].softmax(0), [torch.arange(4.0)], generator, "f")
    """
    return _Shift(argument, by)


def _with(arguments: Sequence[Any], place: int, value: Any) -> list[Any]:
    return [value if place == index else item for index, item in enumerate(arguments)]


def _demand(got: torch.Tensor, expected: torch.Tensor, said: str) -> None:
    tolerance = 1e-4 if got.dtype is not torch.float64 else 1e-9
    if got.shape != expected.shape or not bool(are_close(got, expected, tolerance, tolerance).all()):
        raise CheckFailed(said)
