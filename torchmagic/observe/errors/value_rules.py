"""Rules for values that an operation does not allow: singular matrices, distributions, overflow."""

from __future__ import annotations

import re

from torchmagic.observe.errors.failure import Failure
from torchmagic.observe.errors.python_rules import short_name
from torchmagic.observe.errors.remedies import (
    as_code,
    offered,
    with_keyword,
)
from torchmagic.observe.errors.words import Finding, shape_text
from torchmagic.records import Remedy


def object_array(failure: Failure, match: re.Match[str]) -> Finding | None:
    """An array of Python objects."""
    why = (
        "The array holds Python objects (dtype object: rows of different length, None or text), and a "
        "tensor holds numbers of one dtype: give the array a number dtype first."
    )
    if "str" in match[0] or "numpy.str" in failure.message:
        why = "The array holds text, and a tensor holds numbers: turn the text into numbers first."
    return Finding("numpy", why)


def overflow(failure: Failure, match: re.Match[str]) -> Finding | None:
    """A number too large for its dtype."""
    return Finding(
        "overflow",
        (
            "The number does not fit into the dtype: int64 holds whole numbers up "
            "to 2**63 - 1. Use a float, or a larger dtype."
        ),
    )


def singular(failure: Failure, match: re.Match[str]) -> Finding | None:
    """A matrix without inverse."""
    x = failure.tensors[0] if failure.tensors else None
    name = x.text if x is not None else "The matrix"
    if "cholesky" in failure.message or "positive-definite" in failure.message:
        why = (
            f"{name} is not positive-definite, which a Cholesky factor needs: all eigenvalues must "
            f"be above 0 (adding a small multiple of the identity often helps)."
        )
        return Finding("linalg", why)
    why = (
        f"{name} is singular: its rows depend on each other, so it has no inverse; pinv "
        f"gives the nearest thing, and lstsq solves without one."
    )
    candidates = (
        [as_code("torch.linalg.pinv({0})", x.node)]
        if x is not None and failure.name in ("inv", "inverse", "linalg_inv")
        else []
    )
    remedies = offered(failure, candidates)
    if not remedies and candidates and x is not None and x.value.dim() >= 2:
        remedies = (Remedy(f"torch.linalg.pinv({x.text})", "the pseudo-inverse", True),)
    return Finding("linalg", why, None, remedies)


def not_square(failure: Failure, match: re.Match[str]) -> Finding | None:
    """A matrix that must be square."""
    x = failure.tensors[0] if failure.tensors else None
    if x is None:
        return None
    why = (
        f"{short_name(failure)} wants a square matrix, with as many rows as columns; "
        f"{x.text} has shape {shape_text(x.shape)}."
    )
    inverses = failure.name in ("inv", "inverse", "linalg_inv")
    candidates = [as_code("torch.linalg.pinv({0})", x.node)] if inverses else []
    return Finding("linalg", why, None, offered(failure, candidates))


def negative_size(failure: Failure, match: re.Match[str]) -> Finding | None:
    """A size below zero."""
    return Finding("size", "A size cannot be negative (only view and reshape know -1, for the size that is left).")


def constraint(failure: Failure, match: re.Match[str]) -> Finding | None:
    """A parameter of a distribution outside its range."""
    bounds = re.search(r"(GreaterThan\w*|LessThan\w*|Interval|Positive\w*)\(([^)]*)\)", failure.message)
    words = f" It must satisfy {bounds[1]}({bounds[2]})." if bounds else ""
    return Finding("value", f"The parameter {match['name']} has values that this distribution does not allow.{words}")


def sampling(failure: Failure, match: re.Match[str]) -> Finding | None:
    """More draws than there are things to draw."""
    x = failure.tensors[0] if failure.tensors else None
    name = x.text if x is not None else "the weights"
    why = (
        f"Without replacement each of the {x.shape[-1] if x is not None and x.shape else 0} "
        f"entries of {name} can be drawn once."
    )
    candidates = [with_keyword(failure, "replacement", "True", "entries may come up again")]
    return Finding("value", why, None, offered(failure, candidates))


RULES = [
    (r"Expected parameter (?P<name>\w+) .*to satisfy the constraint", constraint),
    (r"cannot sample n_sample > prob_dist", sampling),
    (r"can't convert np\.ndarray of type", object_array),
    (r"[Oo]verflow|out of range integral|cannot be converted to type .* without overflow", overflow),
    (r"singular|positive-definite|failed to converge|ill-conditioned", singular),
    (r"square matrices|must be (?:batches of )?square|a square matrix", not_square),
    (r"[Dd]imension size must be non-negative|negative dimension|invalid shape dimension", negative_size),
]
