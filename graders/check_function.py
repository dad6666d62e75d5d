"""Try a student's function on generated inputs: against a reference, for its properties, and for what it must not do."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from types import EllipsisType
from typing import Any

import torch

from graders.answers import arguments_text, as_function, as_tensor, call, called, is_tensor, map_tensors, tensors_in
from graders.check_tensor import Dtype, dtype_problem
from graders.compare import compare_answers
from graders.failure import CheckFailed
from graders.operations import demand_no_loop
from graders.properties import Property

#: Calls of the student's function that may go into finding a smaller input that fails.
_TO_SHRINK = 200


class _Enough(BaseException):
    """Ends hypothesis's search."""


@dataclass(frozen=True, slots=True)
class _Asked:
    """What is asked of each call."""

    f: Callable[..., Any]
    reference: Callable[..., Any] | None
    name: str
    seed: int
    properties: Sequence[Property]
    rtol: float | None
    atol: float | None
    dtype: Dtype | EllipsisType | None


def check_function(
    f: Any,
    reference: Callable[..., Any] | None,
    inputs: Any,
    *,
    name: str = "",
    examples: int = 20,
    seed: int = 0,
    properties: Sequence[Property] = (),
    rtol: float | None = None,
    atol: float | None = None,
    dtype: Dtype | EllipsisType | None = ...,
    loops: str | None = None,
) -> None:
    """Demand that a function does on many inputs what ``reference`` does, and leaves them as they are.

    Args:
        f: the student's function.
        reference: a function that is right; None where only ``properties`` are asked.
        inputs: a list of argument tuples, a function that makes one from a ``torch.Generator``, or a hypothesis strategy
            of them (see :mod:`graders.strategies`).
        name: what the student calls it.
        examples: how many inputs to try, unless they are a list.
        seed: makes the same inputs each time.
        properties: what else must hold (see :mod:`graders.properties`).
        rtol, atol: how close; by default as ``torch.testing.assert_close`` for the dtype.
        dtype: of a tensor that it gives; ... for that of the reference's, None for any, or a kind such as ``"float"``.
        loops: ``"none"`` refuses a Python loop over rows: as inputs get more rows, the graph must not get more operations.

    Raises:
        CheckFailed: it gave something else. Without a hidden test also what for: the smallest input that was found.

    >>> check_function(lambda x: x.sum(0), lambda x: x.sum(dim=1), [(torch.tensor([[1.0, 2.0]]),)], name="rows")
    Traceback (most recent call last):
    ...
    graders.failure.CheckFailed: `rows(…)` has shape (2,), expected (1,). ...
    """
    label = called(f, name)
    asked = _Asked(as_function(f, label), reference, label, seed, properties, rtol, atol, dtype)
    if loops not in (None, "none"):
        raise ValueError(f"loops is 'none' or None, not {loops!r}")
    first = _try_all(asked, inputs, examples)
    if loops == "none" and first:
        demand_no_loop(asked.f, reference, first, label)


def _try_all(asked: _Asked, inputs: Any, examples: int) -> list[tuple[Any, ...]]:
    """Try each input; gives some of them."""
    if isinstance(inputs, list | tuple):
        tried = [_as_arguments(arguments) for arguments in inputs]
        for arguments in tried:
            _attempt(asked, arguments)
        return tried
    if type(inputs).__module__.partition(".")[0] != "hypothesis":
        generator = torch.Generator().manual_seed(asked.seed)
        tried = [_as_arguments(inputs(generator)) for _ in range(examples)]
        for arguments in tried:
            _attempt(asked, arguments)
        return tried
    return _search(asked, inputs, examples)


def _search(asked: _Asked, strategy: Any, examples: int) -> list[tuple[Any, ...]]:
    """Let hypothesis try ``strategy``, and look for the smallest input that fails."""
    import hypothesis

    tried: list[tuple[Any, ...]] = []
    failed: list[tuple[int, CheckFailed]] = []
    left = _TO_SHRINK

    @hypothesis.seed(asked.seed)
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
    def attempt(arguments: Any) -> None:
        nonlocal left
        if failed:
            left -= 1
            if left < 0:
                raise _Enough
        drawn = _as_arguments(arguments)
        tried.append(drawn)
        try:
            _attempt(asked, drawn)
        except CheckFailed as error:
            failed.append((_size(drawn), error))
            raise

    try:
        attempt()
    except (_Enough, CheckFailed, hypothesis.errors.HypothesisException):
        if not failed:
            raise
    if failed:
        raise min(failed, key=lambda found: found[0])[1] from None
    return tried


def _attempt(asked: _Asked, arguments: tuple[Any, ...]) -> None:
    """One call, all that is asked of it.

    Raises:
        CheckFailed: with the input that it was called with; the redacted reason is without it.
    """
    try:
        _judge_call(asked, arguments)
    except CheckFailed as error:
        said = f"{error}{'' if str(error).endswith('.') else '.'} It was called with ({arguments_text(arguments)})"
        raise CheckFailed(said, redacted=error.redacted) from error.__cause__


def _judge_call(asked: _Asked, arguments: tuple[Any, ...]) -> None:
    shown = f"{asked.name}(…)"
    expected = None if asked.reference is None else asked.reference(*_copies(arguments))
    given = _copies(arguments)
    got = call(asked.f, given, asked.name)
    _demand_untouched(arguments, given, asked.name)
    if asked.reference is not None:
        compare_answers(got, expected, shown, rtol=asked.rtol, atol=asked.atol, inputs=_named(asked, arguments))
    wanted = getattr(expected, "dtype", None) if asked.dtype is ... else asked.dtype
    if wanted is not None:
        problem = dtype_problem(as_tensor(got, shown).dtype, wanted)  # type: ignore[arg-type]
        if problem:
            raise CheckFailed(f"`{shown}` {problem}")

    def ask(args: Sequence[Any]) -> torch.Tensor:
        return as_tensor(call(asked.f, _copies(args), asked.name), shown).detach()

    for wanted_property in asked.properties:
        generator = torch.Generator().manual_seed(asked.seed)
        wanted_property.check(ask, arguments, generator, asked.name)


def _as_arguments(arguments: Any) -> tuple[Any, ...]:
    return arguments if isinstance(arguments, tuple) else (arguments,)


def _copies(arguments: Sequence[Any]) -> list[Any]:
    return [map_tensors(item, _copy) for item in arguments]


def _copy(tensor: torch.Tensor) -> torch.Tensor:
    copy = tensor.detach().clone()
    return copy.requires_grad_() if tensor.requires_grad else copy


def _demand_untouched(before: Sequence[Any], after: Sequence[Any], name: str) -> None:
    for (_, old), (label, new) in zip(tensors_in(list(before)), tensors_in(list(after)), strict=False):
        same = old.shape == new.shape and old.dtype == new.dtype
        with torch.no_grad():
            if not same or not bool(torch.isclose(old, new, rtol=0, atol=0, equal_nan=True).all()):
                which = int(label[1 : label.index("]")]) + 1
                said = f"`{name}` changes its argument {which} in place: whoever calls it finds other numbers there"
                raise CheckFailed(said)


def _named(asked: _Asked, arguments: Sequence[Any]) -> dict[str, Any]:
    """The tensors among the arguments, under the names of the reference's parameters."""
    try:
        names = list(inspect.signature(asked.reference).parameters)  # type: ignore[arg-type]
    except (TypeError, ValueError):  # a built-in function
        names = []
    names += [f"argument {place + 1}" for place in range(len(names), len(arguments))]
    return {name: item for name, item in zip(names, arguments, strict=False) if is_tensor(item)}


def _size(arguments: Sequence[Any]) -> int:
    return sum(tensor.numel() * 1000 + len(str(tensor.tolist())) for _, tensor in tensors_in(list(arguments)))
