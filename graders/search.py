"""Try many inputs, listed or generated; with a hypothesis strategy, look for smaller ones that fail."""

from __future__ import annotations

import contextlib
import tempfile
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


def search(attempt: Callable[[_Arguments, bool], None], inputs: Any, examples: int, seed: int) -> Found:
    """Try inputs, the same ones for the same seed.

    Args:
        attempt: raises CheckFailed where an input fails; its second argument says whether to diagnose that.
        inputs: a list of argument tuples, a function that makes one from a ``torch.Generator``, or a strategy of them.
        examples: how many to try, unless they are a list.

    Raises:
        ValueError: there are none (the instructor's mistake).

    >>> def small(arguments, thorough):
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
            attempt(arguments, True)
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


def _search(attempt: Callable[[_Arguments, bool], None], strategy: Any, examples: int, seed: int) -> Found:
    """All examples first, for what explains those that fail; then smaller ones than these."""
    tried: list[_Arguments] = []
    failed: list[tuple[_Arguments, CheckFailed]] = []
    broke: list[Exception] = []  # a mistake of the test's own, or an engine that is gone: not to be tried again
    left = _TO_SHRINK

    def one(arguments: _Arguments, thorough: bool) -> None:
        tried.append(arguments)
        try:
            attempt(arguments, thorough)
        except CheckFailed as error:
            failed.append((arguments, error))
            raise
        except Exception as error:
            broke.append(error)
            raise _Enough from error

    def each(drawn: Any) -> None:
        with contextlib.suppress(CheckFailed):
            one(_as_arguments(drawn), True)

    def smaller(drawn: Any) -> None:
        nonlocal left
        left -= 1
        if left < 0:
            raise _Enough
        one(_as_arguments(drawn), False)

    with contextlib.suppress(_Enough):
        _generate(each, strategy, examples, seed, shrink=False)
    if failed and not broke:
        with contextlib.suppress(_Enough, CheckFailed, _hypothesis_errors()):  # an answer that changes is flaky to it
            _generate(smaller, strategy, examples, seed, shrink=True)
    if broke:
        raise broke[0]
    if not tried:
        raise ValueError("there are no inputs to try")
    return tried, failed


def _generate(run: Callable[[Any], None], strategy: Any, examples: int, seed: int, *, shrink: bool) -> None:
    import hypothesis

    phases = (hypothesis.Phase.generate, *((hypothesis.Phase.shrink,) if shrink else ()))
    settings = hypothesis.settings(
        max_examples=examples,
        database=None,
        deadline=None,
        suppress_health_check=list(hypothesis.HealthCheck),
        phases=phases,
        print_blob=False,
        report_multiple_bugs=False,
    )

    def test(drawn: Any) -> None:
        run(drawn)

    with _nothing_kept():
        given: Any = hypothesis.given(strategy)
        hypothesis.seed(seed)(settings(given(test)))()


@contextlib.contextmanager
def _nothing_kept() -> Iterator[None]:
    """Hypothesis keeps notes on the modules it finds, beside the notebook: here in a folder that goes away."""
    from hypothesis import configuration

    before = getattr(configuration, "__hypothesis_home_directory", None)
    with tempfile.TemporaryDirectory() as folder:
        configuration.set_hypothesis_home_dir(folder)
        try:
            yield
        finally:
            configuration.set_hypothesis_home_dir(before)


def _hypothesis_errors() -> type[Exception]:
    from hypothesis.errors import HypothesisException

    return HypothesisException
