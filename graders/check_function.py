"""Try a student's function on generated inputs: against a reference, its properties, and what it must not do."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import EllipsisType
from typing import Any

import torch

from graders.answers import (
    arguments_text,
    as_function,
    as_tensor,
    call,
    called,
    is_tensor,
    map_tensors,
    same_values,
    tensors_in,
)
from graders.check_tensor import Dtype, dtype_problem
from graders.compare import compare_answers, joined
from graders.diagnose import agreed
from graders.failure import CheckFailed
from graders.loops import demand_no_loop
from graders.misconceptions import Finding
from graders.properties import Property
from graders.search import search

_Arguments = tuple[Any, ...]


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

    @property
    def shown(self) -> str:
        return f"{self.name}(…)"


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
        inputs: a list of argument tuples, a function that makes one from a ``torch.Generator``, or a hypothesis
            strategy of them (see :mod:`graders.strategies`).
        name: what the student calls it.
        examples: how many inputs to try, unless they are a list.
        seed: makes the same inputs each time.
        properties: what else must hold (see :mod:`graders.properties`).
        rtol, atol: how close; by default as ``torch.testing.assert_close`` for the dtype.
        dtype: of a tensor that it gives; ... for that of the reference's, None for any, or a kind such as ``"float"``.
        loops: ``"none"`` refuses a Python loop over rows: with more rows the graph must not get more operations.

    Raises:
        CheckFailed: it gave something else, raised, or changed its inputs. Where the test is not hidden the reason
            tells the smallest input that was found for which it does; a misconception is named where it explains
            every input that fails.
        ValueError: ``loops`` is something else, or ``inputs`` gives none (the instructor's mistake).

    >>> rows = [(torch.tensor([[1.0, 2.0], [5.0, 9.0]]),)]
    >>> check_function(lambda x: x.sum(0), lambda x: x.sum(dim=1), rows, name="totals")
    Traceback (most recent call last):
    ...
    graders.failure.CheckFailed: `totals(…)` at [0] is 6, expected 3 (2 of 2 values differ). It is the sum of `x` over \
dim 0, where dim 1 is asked. It was called with [[1, 2], [5, 9]].
    """
    label = called(f, name)
    asked = _Asked(as_function(f, label), reference, label, seed, properties, rtol, atol, dtype)
    if loops not in (None, "none"):
        raise ValueError(f"loops is 'none' or None, not {loops!r}")
    tried, failed = search(functools.partial(_attempt, asked), inputs, examples, seed)
    if failed:
        raise _failure(asked, failed)
    if loops == "none":
        demand_no_loop(asked.f, reference, tried, label)


def _attempt(asked: _Asked, arguments: _Arguments, thorough: bool) -> None:
    """One call, and all that is asked of it; a difference is diagnosed where that is wanted."""
    expected = None if asked.reference is None else asked.reference(*_copies(arguments))
    given = _copies(arguments)
    got = call(asked.f, given, asked.name)
    _demand_untouched(arguments, given, asked.name)
    if asked.reference is not None:
        compare_answers(
            got,
            expected,
            asked.shown,
            rtol=asked.rtol,
            atol=asked.atol,
            inputs=_named(asked.reference, arguments) if thorough else None,
            reference=asked.reference if thorough else None,
            arguments=arguments,
            thorough=thorough,
        )
    wanted = getattr(expected, "dtype", None) if asked.dtype is ... else asked.dtype
    if wanted is not None and (is_tensor(expected) or asked.dtype is not ...):
        problem = dtype_problem(as_tensor(got, asked.shown).dtype, wanted)
        if problem:
            raise CheckFailed(f"`{asked.shown}` {problem}")

    def ask(changed: Sequence[Any]) -> torch.Tensor:
        return as_tensor(call(asked.f, _copies(changed), asked.name), asked.shown).detach()

    for wanted_property in asked.properties:
        generator = torch.Generator().manual_seed(asked.seed)
        wanted_property.check(ask, arguments, generator, asked.name)


def _failure(asked: _Asked, failed: Sequence[tuple[_Arguments, CheckFailed]]) -> CheckFailed:
    """The reason of the smallest failing input, with what explains all that were diagnosed."""
    arguments, error = min(failed, key=lambda pair: _size(pair[0]))
    findings: Sequence[Finding] = ()
    if error.said is not None:
        ordered = [each for _, each in sorted(failed, key=lambda pair: _size(pair[0])) if each.said is not None]
        diagnosed = [each.findings for each in ordered if each.thorough and (each.findings or _tells(each))]
        findings = _unseeded(asked, arguments) or agreed(diagnosed)
    said, hidden = (str(error), error.redacted) if error.said is None else error.said
    why = findings[0] if findings else None
    message = joined(said, why.sentence if why else "")
    shown = arguments_text(arguments)
    return _without_context(
        CheckFailed(
            joined(message, f"It was called with {shown}." if shown else ""),
            redacted=joined(hidden, why.redacted if why else ""),
            compared=error.compared,
            findings=findings,
            known=error.known,
        ),
        error.__cause__,
    )


def _without_context(failure: CheckFailed, cause: BaseException | None) -> CheckFailed:
    failure.__cause__ = cause  # the student's own error; nothing of how the inputs were looked for
    failure.__suppress_context__ = True
    return failure


def _tells(error: CheckFailed) -> bool:
    """Whether the two sides would show a misconception: a constant shows none, so it contradicts none."""
    sides = error.compared
    return sides is not None and sides.expected.shape == sides.got.shape and len(set(_numbers(sides.expected))) > 2


def _numbers(tensor: torch.Tensor) -> Iterator[Any]:
    yield from tensor.reshape(-1)[:1000].tolist()


def _unseeded(asked: _Asked, arguments: _Arguments) -> list[Finding]:
    """Whether it gives other numbers each time, and the reference does not."""
    with torch.random.fork_rng(devices=[]):
        try:
            twice = [call(asked.f, _copies(arguments), asked.name) for _ in range(2)]
            if not all(map(is_tensor, twice)) or same_values(twice[0], twice[1]):
                return []
        except CheckFailed:  # it raises, or gives what cannot be read
            return []
        if asked.reference is not None and not same_values(*(asked.reference(*_copies(arguments)) for _ in range(2))):
            return []
    return [Finding("unseeded", "It gives other numbers each time it is called.")]


def _copies(arguments: Sequence[Any]) -> list[Any]:
    return [map_tensors(item, _copy) for item in arguments]


def _copy(tensor: torch.Tensor) -> torch.Tensor:
    copy = tensor.detach().clone()
    return copy.requires_grad_() if tensor.requires_grad else copy


def _demand_untouched(before: Sequence[Any], after: Sequence[Any], name: str) -> None:
    for place, (old, new) in enumerate(zip(before, after, strict=True), 1):
        pairs = list(tensors_in(old)), list(tensors_in(new))
        changed = len(pairs[0]) != len(pairs[1]) or not all(
            same_values(one, other) for (_, one), (_, other) in zip(*pairs, strict=True)
        )
        if not changed and type(old) in (list, dict) and not pairs[0]:
            changed = old != new
        if changed:
            which = f"argument {place}" if len(before) > 1 else "argument"
            raise CheckFailed(f"`{name}` changes its {which} in place: whoever calls it finds other values there")


def _named(reference: Callable[..., Any], arguments: Sequence[Any]) -> Mapping[str, Any]:
    """The tensors among the arguments, under the names of the reference's parameters."""
    try:
        names = list(inspect.signature(reference).parameters)
    except (TypeError, ValueError):  # a built-in function
        names = []
    names = [*names[: len(arguments)], *(f"argument {place + 1}" for place in range(len(names), len(arguments)))]
    return {name: item for name, item in zip(names, arguments, strict=True) if is_tensor(item)}


def _size(arguments: Sequence[Any]) -> tuple[int, int]:
    """Which of two inputs is easier to look at."""
    numbers = [number for _, tensor in tensors_in(list(arguments)) for number in _numbers(tensor)]
    return len(numbers), sum(len(str(number)) for number in numbers)
