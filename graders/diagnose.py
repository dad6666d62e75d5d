"""From an expected and a given answer to the misconception that explains every number exactly, if one does."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch

from graders.miscomputed import from_values
from graders.misconceptions import Case, Finding, distinct, same
from graders.misplaced import from_places
from graders.recombined import from_reference
from graders.recomputed import from_inputs

_LARGEST = 100_000
_TOLERANCES = {torch.float16: 2e-3, torch.bfloat16: 2e-2, torch.float32: 2e-5, torch.complex64: 2e-5}


def diagnose(
    expected: torch.Tensor,
    got: torch.Tensor,
    *,
    inputs: Mapping[str, Any] | None = None,
) -> str:
    """One sentence that names the misconception which explains every number of ``got`` exactly, or "".

    What is said was verified: made from ``expected`` or ``inputs``, it gives ``got``. Where misconceptions of
    different meaning explain it equally well, or where anything would (a constant, one number), nothing is said.

    Args:
        inputs: what the answer was computed from, by name.

    >>> diagnose(torch.tensor([1.0, 2.0]), torch.tensor([-1.0, -2.0]))
    'The sign is flipped.'
    >>> x = torch.tensor([[1.0, 2.0], [5.0, 9.0]])
    >>> diagnose(x.mean(1), x.mean(0), inputs={"x": x})
    'It is the mean of `x` over dim 0, where dim 1 is asked.'
    >>> diagnose(torch.tensor([1.0, 2.0]), torch.tensor([1.0, 3.0]))
    ''
    """
    chosen = choose(find(expected, got, inputs=inputs))
    return chosen.sentence if chosen else ""


def find(
    expected: torch.Tensor,
    got: torch.Tensor,
    *,
    inputs: Mapping[str, Any] | None = None,
    reference: Callable[..., Any] | None = None,
    arguments: Sequence[Any] = (),
    gradient: bool = False,
) -> list[Finding]:
    """Every misconception that explains ``got``.

    Args:
        inputs: what the answer was computed from, by name.
        reference, arguments: what gave ``expected``, to be tried with changed arguments.
        gradient: whether it is a gradient.
    """
    with torch.no_grad():
        given = {name: _plain(item) for name, item in (inputs or {}).items() if issubclass(type(item), torch.Tensor)}
        case = _case(_plain(expected), _plain(got), [item for item in given.values() if item is not None], gradient)
        if case is None or same(case.expected, case.got, case.tolerance):
            return []
        usable = {name: item for name, item in given.items() if item is not None and item.numel() <= _LARGEST}
        found = [*from_inputs(case, usable), *from_places(case), *from_values(case)]
        if reference is not None:
            found += from_reference(case, reference, arguments, list(given))
        return found


def choose(found: Sequence[Finding]) -> Finding | None:
    """The most specific finding; None where several of different meaning are equally so.

    >>> choose([]) is None
    True
    """
    if not found:
        return None
    rank = min(finding.rank for finding in found)
    best = {finding.sentence: finding for finding in found if finding.rank == rank}
    return next(iter(best.values())) if len(best) == 1 else None


def agreed(cases: Sequence[Sequence[Finding]]) -> list[Finding]:
    """The misconception that explains every one of several wrong answers, or none.

    >>> one, other = Finding("sign", "The sign is flipped."), Finding("root", "It is the square root.")
    >>> [finding.kind for finding in agreed([[one, other], [one]])]
    ['sign']
    >>> agreed([[one], [other]])
    []
    """
    if not cases:
        return []
    kinds = set.intersection(*({finding.kind for finding in case} for case in cases))
    best: dict[str, Finding] = {}
    for finding in (finding for case in cases for finding in case if finding.kind in kinds):
        if finding.kind not in best or finding.rank < best[finding.kind].rank:
            best[finding.kind] = finding
    chosen = choose(list(best.values()))
    return [chosen] if chosen else []


def diagnose_gradient(expected: torch.Tensor, got: torch.Tensor) -> str:
    """The same for a gradient, which may also be one number: a flipped sign and a factor tell enough there.

    >>> diagnose_gradient(torch.tensor(6.0), torch.tensor(12.0))
    'It is 2 times the expected one: was it added up over 2 backward passes, or is there a factor too many?'
    """
    chosen = choose(find(expected, got, gradient=True))
    return chosen.sentence if chosen else ""


def _plain(tensor: torch.Tensor) -> torch.Tensor | None:
    """A tensor's elements as they are; None for kinds without."""
    try:
        plain = tensor.detach()
        if plain.layout is not torch.strided or plain.is_meta or plain.is_quantized or plain.is_nested:
            return None
        return plain.cpu().resolve_conj().resolve_neg()
    except Exception:  # an exotic kind explains nothing
        return None


def _case(
    expected: torch.Tensor | None, got: torch.Tensor | None, inputs: Sequence[torch.Tensor], gradient: bool
) -> Case | None:
    if expected is None or got is None or max(expected.numel(), got.numel()) > _LARGEST or not expected.numel():
        return None
    if got.is_complex() or expected.is_complex():
        right, mine = expected.to(torch.complex128), got.to(torch.complex128)
    else:
        right, mine = expected.double(), got.double()
    if not got.numel() or not bool(mine.isfinite().all()) or not bool(right.isfinite().all()):
        return None
    sizes = (*expected.shape, expected.numel(), *(size for item in inputs for size in (*item.shape, item.numel())))
    return Case(
        expected=right,
        got=mine,
        whole=not (expected.is_floating_point() or expected.is_complex()),
        truth=expected.dtype is torch.bool,
        given_whole=not (got.is_floating_point() or got.is_complex()),
        tolerance=max(
            _TOLERANCES.get(dtype, 1e-8) for dtype in (expected.dtype, got.dtype, *(i.dtype for i in inputs))
        ),
        sizes=tuple(dict.fromkeys(size for size in sizes if size > 1)),
        gradient=gradient,
        values=distinct(right),
    )
