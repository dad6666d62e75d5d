"""The misconceptions about two inputs: another operation on them, (n, n) by broadcasting, swapped places or dims."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import torch

from graders.misconceptions import CHANGED, RECOMPUTED, Case, Finding, same

_LARGEST = 1_000_000
_PAIRS: Mapping[str, Callable[[torch.Tensor, torch.Tensor], torch.Tensor]] = {
    "a + b": torch.add,
    "a - b": torch.sub,
    "b - a": lambda a, b: b - a,
    "a * b": torch.mul,
    "a / b": torch.div,
    "b / a": lambda a, b: b / a,
    "a // b": torch.floor_divide,
    "a @ b": torch.matmul,
    "b @ a": lambda a, b: b @ a,
    "a @ b.T": lambda a, b: a @ b.mT,
    "a.T @ b": lambda a, b: a.mT @ b,
    "(a - b)**2": lambda a, b: (a - b) ** 2,
    "the mean of (a - b)**2": lambda a, b: ((a - b) ** 2).mean(),
    "the sum of (a - b)**2": lambda a, b: ((a - b) ** 2).sum(),
    "the mean of a - b": lambda a, b: (a - b).mean(),
    "the mean of |a - b|": lambda a, b: (a - b).abs().mean(),
    "the sum of |a - b|": lambda a, b: (a - b).abs().sum(),
    "the root of the mean of (a - b)**2": lambda a, b: ((a - b) ** 2).mean().sqrt(),
}


def from_two(case: Case, inputs: Mapping[str, torch.Tensor]) -> Iterator[Finding]:
    """One operation on two inputs in place of another; or the right one, broadcast to (n, n)."""
    for (first, a), (second, b) in itertools.combinations(inputs.items(), 2):
        right = {_text(op, first, second) for op, made in _paired(a, b) if same(made, case.expected, case.tolerance)}
        mine = {_text(op, first, second) for op, made in _paired(a, b) if case.is_given(made)}
        if len(right) == len(mine) == 1 and right != mine:
            yield Finding("other operation", f"It is {mine.pop()}, where {right.pop()} is asked.", RECOMPUTED)
        size = a.numel()
        if 1 < size == b.numel() == max(a.shape) == max(b.shape):
            yield from _outer(case, (first, a.reshape(-1)), (second, b.reshape(-1)))


def _outer(case: Case, one: tuple[str, torch.Tensor], other: tuple[str, torch.Tensor]) -> Iterator[Finding]:
    """A column that met a row: every number of the one with every number of the other."""
    (first, a), (second, b) = one, other
    size = a.numel()
    for op, made in _paired(a, b):
        if "@" in op or made.numel() != case.expected.numel():
            continue
        if not same(made.reshape(case.expected.shape), case.expected, case.tolerance):
            continue
        for column, row in ((a.reshape(-1, 1), b), (a, b.reshape(-1, 1))):
            outer = _made(op, column, row)
            if outer is not None and case.is_given(outer):
                said = f"`{first}` and `{second}` were broadcast to {(size, size)}: give both the same shape first."
                hidden = f"`{first}` and `{second}` were broadcast to (n, n): give both the same shape first."
                yield Finding("broadcast", said, RECOMPUTED, hidden)
                return


def _paired(a: torch.Tensor, b: torch.Tensor) -> Iterator[tuple[str, torch.Tensor]]:
    for op in _PAIRS:
        made = _made(op, a, b)
        if made is not None:
            yield op, made


def _made(op: str, a: torch.Tensor, b: torch.Tensor) -> torch.Tensor | None:
    if ".T" in op and min(a.dim(), b.dim()) < 2:
        return None
    try:
        if "@" not in op and torch.broadcast_shapes(a.shape, b.shape).numel() > _LARGEST:
            return None
        return _PAIRS[op](a, b)
    except RuntimeError:  # the shapes do not fit
        return None


def _text(op: str, first: str, second: str) -> str:
    words = op.replace("the mean of ", "M ").replace("the sum of ", "S ").replace("the root of M", "R")
    named = words.replace("a", "\0").replace("b", second).replace("\0", first)
    named = named.replace("R ", "the root of M ").replace("M ", "the mean of ").replace("S ", "the sum of ")
    for start in ("the root of the mean of ", "the mean of ", "the sum of "):
        if named.startswith(start):
            return f"{start}`{named.removeprefix(start)}`"
    return f"`{named}`"


def from_reference(
    case: Case, reference: Callable[..., Any], arguments: Sequence[Any], names: Sequence[str]
) -> Iterator[Finding]:
    """What explains the given numbers as those that the reference gives for other arguments."""
    tensors = [place for place, item in enumerate(arguments) if issubclass(type(item), torch.Tensor)]
    for one, other in itertools.combinations(tensors, 2):
        swapped = list(arguments)
        swapped[one], swapped[other] = swapped[other], swapped[one]
        made = _asked(reference, swapped)
        if made is not None and case.is_given(made):
            yield Finding("arguments swapped", f"Arguments {one + 1} and {other + 1} have changed places.", RECOMPUTED)
    for place in tensors:
        item = arguments[place]
        if item.dim() == 2 and min(item.shape) > 0:
            made = _asked(reference, [*arguments[:place], item.T.contiguous(), *arguments[place + 1 :]])
            if made is None:
                continue
            if case.is_given(made) or (made.dim() == 2 and min(made.shape) > 1 and case.is_given(made.T)):
                said = f"It would be right if the dims of argument {place + 1} were swapped: is it the other dim?"
                yield Finding("wrong dim", said, CHANGED)


def _asked(reference: Callable[..., Any], arguments: Sequence[Any]) -> torch.Tensor | None:
    try:
        made = reference(*(item.clone() if issubclass(type(item), torch.Tensor) else item for item in arguments))
    except Exception:  # it does not take such arguments
        return None
    if not issubclass(type(made), torch.Tensor) or made.layout is not torch.strided:
        return None
    plain: torch.Tensor = made.detach()
    return plain if plain.is_complex() else plain.double()
