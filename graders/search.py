"""Try many inputs, listed or generated; with a hypothesis strategy, look for smaller ones that fail."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import torch

from graders.failure import CheckFailed

_Arguments = tuple[Any, ...]
#: What was tried, and what failed and why.
Found = tuple[list[_Arguments], list[tuple[_Arguments, CheckFailed]]]

#: Calls that may go into finding a smaller input that fails.
_TO_SHRINK = 200


class _Enough(BaseException):
    """Ends hypothesis's search."""


def search(attempt: Callable[[_Arguments], None], inputs: Any, examples: int, seed: int) -> Found:
    """Try inputs, the same ones for the same seed.

    Args:
        attempt: raises CheckFailed where an input fails.
        inputs: a list of argument tuples, a function that makes one from a ``torch.Generator``, or a strategy of them.
        examples: how many to try, unless they are a list.

    Raises:
        ValueError: there are none (the instructor's mistake).

    >>> def small(arguments):
    ...     if arguments[0] > 2:
    ...         raise CheckFailed("too large")
    >>> [arguments for arguments, error in search(small, [(1,), (3,)], 20, 0)[1]]
    [(3,)]
    """
    if type(inputs).__module__.partition(".")[0] == "hypothesis":
        return _search(attempt, inputs, examples, seed)
    tried: list[_Arguments] = []
    failed: list[tuple[_Arguments, CheckFailed]] = []
    for arguments in _made(inputs, examples, seed):
        tried.append(arguments)
        try:
            attempt(arguments)
        except CheckFailed as error:
            failed.append((arguments, error))
    if not tried:
        raise ValueError("there are no inputs to try")
    return tried, failed


def _made(inputs: Any, examples: int, seed: int) -> Iterator[_Arguments]:
    if not callable(inputs):
        yield from map(_as_arguments, inputs)
        return
    generator = torch.Generator().manual_seed(seed)
    for _ in range(examples):
        yield _as_arguments(inputs(generator))


def _as_arguments(arguments: Any) -> _Arguments:
    return arguments if isinstance(arguments, tuple) else (arguments,)


def _search(attempt: Callable[[_Arguments], None], strategy: Any, examples: int, seed: int) -> Found:
    import hypothesis

    tried: list[_Arguments] = []
    failed: list[tuple[_Arguments, CheckFailed]] = []
    left = _TO_SHRINK

    @hypothesis.seed(seed)
    @hypothesis.settings(
        max_examples=examples,
        database=None,
        deadline=None,
        suppress_health_check=list(hypothesis.HealthCheck),
        phases=(hypothesis.Phase.generate, hypothesis.Phase.shrink),
        print_blob=False,
        report_multiple_bugs=False,
    )
    @hypothesis.given(strategy)
    def run(drawn: Any) -> None:
        nonlocal left
        left -= bool(failed)
        if left < 0:
            raise _Enough
        arguments = _as_arguments(drawn)
        tried.append(arguments)
        try:
            attempt(arguments)
        except CheckFailed as error:
            failed.append((arguments, error))
            raise

    try:
        run()
    except (_Enough, CheckFailed, hypothesis.errors.HypothesisException):
        if not failed:
            raise
    return tried, failed
